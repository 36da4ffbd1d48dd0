//! Builder of a graph: inputs, constants, operators, outputs.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use prost::Message;

use crate::error::OnnxError;
use crate::messages::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};

/// Version of the operators.
pub const OPSET: i64 = 13;
/// Version of the file's format that came with the operators.
const IR_VERSION: i64 = 7;
/// Most bytes of a message of Protocol Buffers, with room for all but the constants.
const MOST_BYTES: usize = (1 << 31) - (1 << 24);

/// A value of a graph: an input, a constant, or an output of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(usize);

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    Uint8,
    /// True or false.
    Bool,
}

/// Length of an input or output along one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Any; equal names are equal lengths.
    Named(&'static str),
    /// This length.
    Known(usize),
}

/// Setting of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attribute {
    Int(&'static str, i64),
    Ints(&'static str, Vec<i64>),
}

#[derive(Debug)]
struct Node {
    operator: &'static str,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    attributes: Vec<Attribute>,
}

#[derive(Debug)]
struct Constant {
    value: Value,
    element: Element,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Port {
    value: Value,
    element: Element,
    shape: Vec<Dimension>,
}

/// A graph that grows operator by operator.
#[derive(Debug, Default)]
pub struct Graph {
    /// Of each value.
    names: Vec<String>,
    nodes: Vec<Node>,
    constants: Vec<Constant>,
    /// Numbers of the constants by hashes of what they are.
    known: BTreeMap<u64, Vec<usize>>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Element {
    /// `TensorProto.DataType`.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Float => 1,
            Self::Uint8 => 2,
            Self::Int64 => 7,
            Self::Bool => 9,
            Self::Double => 11,
        }
    }
}

impl Graph {
    fn value(&mut self, name: String) -> Value {
        self.names.push(name);
        Value(self.names.len() - 1)
    }

    /// An input by `name`.
    pub fn input(&mut self, name: &str, element: Element, shape: &[Dimension]) -> Value {
        let value = self.value(name.to_owned());
        self.inputs.push(Port { value, element, shape: shape.to_vec() });
        value
    }

    /// An input of one float that is `default` unless it is given.
    pub fn input_with_default(&mut self, name: &str, default: f32) -> Value {
        let value = self.input(name, Element::Float, &[Dimension::Known(1)]);
        let bytes = default.to_le_bytes().to_vec();
        self.constants.push(Constant { value, element: Element::Float, shape: vec![1], bytes });
        value
    }

    /// Calls `value`, which an operator gives, by `name`: for those who look into the graph.
    pub fn name(&mut self, name: &str, value: Value) {
        name.clone_into(&mut self.names[value.0]);
    }

    /// Makes `value`, which an operator gives, an output by `name`.
    pub fn output(&mut self, name: &str, value: Value, element: Element, shape: &[Dimension]) {
        self.name(name, value);
        self.outputs.push(Port { value, element, shape: shape.to_vec() });
    }

    /// A constant; equal ones are one.
    fn constant(&mut self, element: Element, shape: &[usize], bytes: Vec<u8>) -> Value {
        let mut hasher = DefaultHasher::new();
        (element.number(), shape, &bytes).hash(&mut hasher);
        let alike = self.known.entry(hasher.finish()).or_default();
        let same = |&&at: &&usize| {
            let known = &self.constants[at];
            (known.element, &known.shape[..], &known.bytes) == (element, shape, &bytes)
        };
        if let Some(&at) = alike.iter().find(same) {
            return self.constants[at].value;
        }
        alike.push(self.constants.len());
        let value = self.value(format!("constant_{}", self.constants.len()));
        self.constants.push(Constant { value, element, shape: shape.to_vec(), bytes });
        value
    }

    /// A constant of floats.
    ///
    /// # Panics
    /// If `values` do not fill `shape`.
    pub fn floats(&mut self, shape: &[usize], values: &[f32]) -> Value {
        assert_eq!(values.len(), shape.iter().product(), "values fill the shape");
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(Element::Float, shape, bytes)
    }

    /// A constant of doubles, rounded to floats, row by row.
    ///
    /// # Panics
    /// If `values` do not fill `shape`.
    pub fn rounded(&mut self, shape: &[usize], values: &[f64]) -> Value {
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        self.floats(shape, &values)
    }

    /// A constant float without dimensions.
    pub fn float(&mut self, value: f32) -> Value {
        self.floats(&[], &[value])
    }

    /// A constant of doubles without dimensions.
    pub fn double(&mut self, value: f64) -> Value {
        self.constant(Element::Double, &[], value.to_le_bytes().to_vec())
    }

    /// A constant list of whole numbers.
    pub fn ints(&mut self, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(Element::Int64, &[values.len()], bytes)
    }

    /// A constant whole number without dimensions.
    pub fn int(&mut self, value: i64) -> Value {
        self.constant(Element::Int64, &[], value.to_le_bytes().to_vec())
    }

    /// The outputs of an operator.
    pub(crate) fn nodes<const OUTPUTS: usize>(
        &mut self,
        operator: &'static str,
        inputs: &[Value],
        attributes: Vec<Attribute>,
    ) -> [Value; OUTPUTS] {
        let number = self.nodes.len();
        let outputs: [Value; OUTPUTS] = std::array::from_fn(|output| {
            self.value(format!("{operator}_{number}_{output}")) //
        });
        let (inputs, outputs_of_node) = (inputs.to_vec(), outputs.to_vec());
        self.nodes.push(Node { operator, inputs, outputs: outputs_of_node, attributes });
        outputs
    }

    /// The only output of an operator.
    pub(crate) fn node(
        &mut self,
        operator: &'static str,
        inputs: &[Value],
        attributes: Vec<Attribute>,
    ) -> Value {
        let [output] = self.nodes(operator, inputs, attributes);
        output
    }

    /// Names of the operators, in order.
    pub fn operators(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.nodes.iter().map(|node| node.operator)
    }

    /// The bytes of an ONNX file with this graph by `name`; `metadata` are names and texts.
    ///
    /// # Errors
    /// [`OnnxError::TooLarge`].
    pub fn to_file(
        self,
        name: &str,
        documentation: &str,
        metadata: &[(String, String)],
    ) -> Result<Vec<u8>, OnnxError> {
        let bytes = self.constants.iter().map(|constant| constant.bytes.len()).sum();
        if bytes > MOST_BYTES {
            return Err(OnnxError::TooLarge { bytes, limit: MOST_BYTES });
        }
        let entry = |(key, value): &(String, String)| StringStringEntryProto {
            key: key.clone(),
            value: value.clone(),
        };
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: "differnet".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: documentation.to_owned(),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: Some(OPSET) }],
            metadata_props: metadata.iter().map(entry).collect(),
            graph: Some(self.into_message(name)),
        };
        Ok(model.encode_to_vec())
    }

    fn into_message(self, name: &str) -> GraphProto {
        let Self { names, nodes, constants, inputs, outputs, .. } = self;
        let named = |values: &[Value]| values.iter().map(|value| names[value.0].clone()).collect();
        let node = |(number, node): (usize, &Node)| NodeProto {
            input: named(&node.inputs),
            output: named(&node.outputs),
            name: format!("{}_{number}", node.operator),
            op_type: node.operator.to_owned(),
            attribute: node.attributes.iter().map(Attribute::message).collect(),
        };
        let port = |port: &Port| port.message(&names[port.value.0]);
        GraphProto {
            name: name.to_owned(),
            node: nodes.iter().enumerate().map(node).collect(),
            input: inputs.iter().map(port).collect(),
            output: outputs.iter().map(port).collect(),
            initializer: constants
                .into_iter()
                .map(|constant| TensorProto {
                    dims: constant.shape.iter().map(|&side| side as i64).collect(),
                    data_type: Some(constant.element.number()),
                    name: names[constant.value.0].clone(),
                    raw_data: constant.bytes,
                })
                .collect(),
        }
    }
}

impl Attribute {
    fn message(&self) -> AttributeProto {
        match self {
            Self::Int(name, value) => AttributeProto {
                name: (*name).to_owned(),
                i: Some(*value),
                ints: Vec::new(),
                kind: Some(2),
            },
            Self::Ints(name, values) => AttributeProto {
                name: (*name).to_owned(),
                i: None,
                ints: values.clone(),
                kind: Some(7),
            },
        }
    }
}

impl Port {
    fn message(&self, name: &str) -> ValueInfoProto {
        let dimension = |dimension: &Dimension| match *dimension {
            Dimension::Named(name) => {
                DimensionProto { dim_value: None, dim_param: Some(name.to_owned()) }
            }
            Dimension::Known(length) => {
                DimensionProto { dim_value: Some(length as i64), dim_param: None }
            }
        };
        let shape = TensorShapeProto { dim: self.shape.iter().map(dimension).collect() };
        let tensor_type =
            TensorTypeProto { elem_type: Some(self.element.number()), shape: Some(shape) };
        let kind = Some(TypeProto { tensor_type: Some(tensor_type) });
        ValueInfoProto { name: name.to_owned(), kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_join_operators_and_an_input_with_a_default_is_a_constant_too() {
        let mut graph = Graph::default();
        let x = graph.input("x", Element::Float, &[Dimension::Named("n")]);
        let threshold = graph.input_with_default("threshold", 1.0);
        let half = graph.float(0.5);
        let sum = graph.add(x, half);
        let below = graph.less(sum, threshold);
        graph.output("below", below, Element::Bool, &[Dimension::Named("n")]);
        let metadata = [("a".to_owned(), "b".to_owned())];
        let bytes = graph.to_file("test", "text", &metadata).unwrap();
        let model = ModelProto::decode(&bytes[..]).unwrap();
        let found = model.graph.unwrap();
        let nodes: Vec<_> = found
            .node
            .iter()
            .map(|node| (node.op_type.as_str(), node.input.join(" "), node.output.join(" ")))
            .collect();
        let golden = [
            ("Add", "x constant_1".to_owned(), "Add_0_0".to_owned()),
            ("Less", "Add_0_0 threshold".to_owned(), "below".to_owned()),
        ];
        assert_eq!(nodes, golden);
        let names = |ports: &[ValueInfoProto]| -> Vec<String> {
            ports.iter().map(|port| port.name.clone()).collect()
        };
        assert_eq!(names(&found.input), ["x", "threshold"]);
        assert_eq!(names(&found.output), ["below"]);
        let constants: Vec<_> =
            found.initializer.iter().map(|constant| constant.name.as_str()).collect();
        assert_eq!(constants, ["threshold", "constant_1"]);
        assert_eq!(found.initializer[0].raw_data, 1.0_f32.to_le_bytes());
        assert_eq!(model.opset_import[0].version, Some(13));
        assert_eq!(
            (model.metadata_props[0].key.as_str(), &*model.metadata_props[0].value),
            ("a", "b")
        );
    }

    #[test]
    fn equal_constants_are_one() {
        let mut graph = Graph::default();
        let first = graph.floats(&[2], &[0.0, 1.0]);
        assert_eq!(graph.floats(&[2], &[0.0, 1.0]), first);
        assert_ne!(graph.floats(&[1, 2], &[0.0, 1.0]), first);
        assert_ne!(graph.floats(&[2], &[-0.0, 1.0]), first);
        assert_ne!(graph.int(0), graph.double(0.0));
        assert_eq!(graph.constants.len(), 5);
    }

    #[test]
    fn shapes_have_names_and_numbers() {
        let port = Port {
            value: Value(0),
            element: Element::Uint8,
            shape: vec![Dimension::Named("n"), Dimension::Known(3)],
        };
        let message = port.message("image").kind.unwrap().tensor_type.unwrap();
        assert_eq!(message.elem_type, Some(2));
        let shape = message.shape.unwrap().dim;
        assert_eq!((shape[0].dim_param.as_deref(), shape[0].dim_value), (Some("n"), None));
        assert_eq!((shape[1].dim_param.as_deref(), shape[1].dim_value), (None, Some(3)));
    }
}
