//! Messages of ONNX's files, as far as graphs of this crate have them (`onnx.proto`, IR version 7).
//!
//! Fields of numbers are optional, as there: the checker counts those that are present.

use prost::Message;

/// A model: the graph, the operators' version, and what is said about it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    #[prost(int64, optional, tag = "1")]
    pub(crate) ir_version: Option<i64>,
    #[prost(string, tag = "2")]
    pub(crate) producer_name: String,
    #[prost(string, tag = "3")]
    pub(crate) producer_version: String,
    #[prost(string, tag = "6")]
    pub(crate) doc_string: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<StringStringEntryProto>,
}

/// Version of an operator set; the domain of the standard's own is empty.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub(crate) domain: String,
    #[prost(int64, optional, tag = "2")]
    pub(crate) version: Option<i64>,
}

/// Metadata of a model by name.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// Operators in an order in which they can be computed, and constants.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfoProto>,
}

/// An operator and the names of its values.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<AttributeProto>,
}

/// A fixed setting of an operator.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(int64, optional, tag = "3")]
    pub(crate) i: Option<i64>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(crate) ints: Vec<i64>,
    /// 2 for `i`, 7 for `ints`.
    #[prost(int32, optional, tag = "20")]
    pub(crate) kind: Option<i32>,
}

/// A constant tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    pub(crate) data_type: Option<i32>,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    /// Little-endian.
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) raw_data: Vec<u8>,
}

/// Name and type of an input or output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) kind: Option<TypeProto>,
}

/// Type of a value: always a tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor_type: Option<TensorTypeProto>,
}

/// Elements and shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorTypeProto {
    #[prost(int32, optional, tag = "1")]
    pub(crate) elem_type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<TensorShapeProto>,
}

/// Shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<DimensionProto>,
}

/// Length along one dimension: a number, or a name for any.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    pub(crate) dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) dim_param: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_tags_and_wire_types_of_the_standard() {
        // A tag is field · 8 + wire type: 0 number, 2 length and bytes.
        let tensor = TensorProto {
            dims: vec![2, 300],
            data_type: Some(1),
            name: "w".into(),
            raw_data: vec![0, 0, 128, 63],
        };
        let golden = [
            0x08, 2, // dims, number by number
            0x08, 0xac, 0x02, // 300 = 0b10_0101100
            0x10, 1, // data_type: float
            0x42, 1, b'w', // name
            0x4a, 4, 0, 0, 128, 63, // raw_data: 1.0
        ];
        assert_eq!(tensor.encode_to_vec(), golden);
        assert_eq!(TensorProto::decode(&golden[..]).unwrap(), tensor);
    }

    #[test]
    fn an_attribute_of_zero_is_present() {
        let attribute =
            AttributeProto { name: "axis".into(), i: Some(0), ints: Vec::new(), kind: Some(2) };
        let golden = [0x0a, 4, b'a', b'x', b'i', b's', 0x18, 0, 0xa0, 0x01, 2];
        assert_eq!(attribute.encode_to_vec(), golden);
        let negative = AttributeProto { i: Some(-1), name: String::new(), ..attribute };
        // Ten bytes of seven bits: two's complement in 64 bits.
        let golden = [&[0x18][..], &[0xff; 9], &[0x01, 0xa0, 0x01, 2]].concat();
        assert_eq!(negative.encode_to_vec(), golden);
    }

    #[test]
    fn nodes_models_and_types_nest() {
        let node = NodeProto {
            input: vec!["a".into(), "b".into()],
            output: vec!["c".into()],
            name: String::new(),
            op_type: "Add".into(),
            attribute: Vec::new(),
        };
        let golden = [0x0a, 1, b'a', 0x0a, 1, b'b', 0x12, 1, b'c', 0x22, 3, b'A', b'd', b'd'];
        assert_eq!(node.encode_to_vec(), golden);
        let named = DimensionProto { dim_value: None, dim_param: Some("n".into()) };
        let fixed = DimensionProto { dim_value: Some(3), dim_param: None };
        let shape = TensorShapeProto { dim: vec![named, fixed] };
        let tensor_type = TensorTypeProto { elem_type: Some(2), shape: Some(shape) };
        let info = ValueInfoProto {
            name: "x".into(),
            kind: Some(TypeProto { tensor_type: Some(tensor_type) }),
        };
        let golden = [
            0x0a, 1, b'x', 0x12, 15, // name, type
            0x0a, 13, 0x08, 2, 0x12, 9, // tensor type, element type, shape
            0x0a, 3, 0x12, 1, b'n', // a dimension by name
            0x0a, 2, 0x08, 3, // and by number
        ];
        assert_eq!(info.encode_to_vec(), golden);
        let model = ModelProto {
            ir_version: Some(7),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: Some(13) }],
            metadata_props: vec![StringStringEntryProto { key: "k".into(), value: "v".into() }],
            ..ModelProto::default()
        };
        let golden = [0x08, 7, 0x42, 2, 0x10, 13, 0x72, 6, 0x0a, 1, b'k', 0x12, 1, b'v'];
        assert_eq!(model.encode_to_vec(), golden);
    }
}
