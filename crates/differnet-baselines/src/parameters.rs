//! A module's float tensors by name: parameters and the running statistics of normalization layers.
//!
//! Names are the module's own field names joined by dots, `group.0.conv1.weight`; shapes are Burn's.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use differnet_files::NamedTensor;

use crate::error::BaselineError;
use crate::model_file::ModelFile;

/// A tensor on the host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HostTensor {
    pub(crate) shape: Vec<usize>,
    /// Row by row.
    pub(crate) values: Vec<f32>,
}

/// Tensors by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parameters(pub(crate) BTreeMap<String, HostTensor>);

impl Parameters {
    /// Adds every tensor of `module`, its name preceded by `prefix` and a dot.
    pub(crate) fn add<M: Module>(&mut self, prefix: &str, module: &M) {
        // `valid` also merges the running statistics that threads have gathered.
        module.valid().visit(&mut Collect { path: vec![prefix.to_string()], found: self });
    }

    /// The tensors of a model file.
    pub(crate) fn tensors(&self) -> Vec<NamedTensor<'_>> {
        let tensors = self.0.iter();
        tensors
            .map(|(name, HostTensor { shape, values })| NamedTensor::floats(name, shape, values))
            .collect()
    }
}

/// `module` with its tensors replaced by those that [`Parameters::add`] took from another, which
/// are taken out of `file`.
///
/// # Errors
/// If a tensor is missing, has another shape or holds a value that is not finite.
pub(crate) fn fill<M: Module>(
    file: &mut ModelFile,
    prefix: &str,
    module: M,
) -> Result<M, BaselineError> {
    let mut fill = Fill { path: vec![prefix.to_string()], file, fault: None };
    let module = module.map(&mut fill);
    match fill.fault {
        Some(fault) => Err(fault),
        None => Ok(module),
    }
}

/// The values of a tensor, row by row.
pub(crate) fn host_values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.try_into_vec().expect("the data were just converted to f32")
}

struct Collect<'a> {
    path: Vec<String>,
    found: &'a mut Parameters,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let values = host_values(tensor);
        self.found.0.insert(self.path.join("."), HostTensor { shape, values });
    }
}

struct Fill<'a> {
    path: Vec<String>,
    file: &'a mut ModelFile,
    fault: Option<BaselineError>,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.fault.is_some() {
            return param;
        }
        let shape = param.lazy_shape();
        match self.file.singles(&self.path.join("."), &shape) {
            Ok(values) => param
                .map(|tensor| Tensor::from_data(TensorData::new(values, shape), &tensor.device())),
            Err(fault) => {
                self.fault = Some(fault);
                param
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;
    use crate::model_file;

    #[derive(Module, Debug)]
    struct Network {
        dense: Linear,
        norms: Vec<BatchNorm>,
    }

    fn network() -> Network {
        let device = Device::flex();
        Network {
            dense: LinearConfig::new(2, 3).init(&device),
            norms: vec![BatchNormConfig::new(3).init(&device)],
        }
    }

    fn stored() -> Parameters {
        let mut parameters = Parameters::default();
        parameters.add("net", &network());
        parameters
    }

    #[test]
    fn names_are_paths_and_statistics_are_among_them() {
        let names: Vec<String> = stored().0.into_keys().collect();
        let golden = [
            "net.dense.bias",
            "net.dense.weight",
            "net.norms.0.beta",
            "net.norms.0.gamma",
            "net.norms.0.running_mean",
            "net.norms.0.running_var",
        ];
        assert_eq!(names, golden);
    }

    #[test]
    fn statistics_of_the_last_batch_are_stored_too() {
        let network = network().train();
        let images = Tensor::<2>::from_floats(
            [[1.0, 2.0, 3.0], [3.0, 6.0, 9.0]],
            &Device::flex().autodiff(),
        );
        let _ = network.norms[0].forward(images);
        let mut parameters = Parameters::default();
        parameters.add("net", &network);
        // A tenth of the way from 0 to the means 2, 4 and 6.
        let means = &parameters.0["net.norms.0.running_mean"].values;
        for (mean, golden) in means.iter().zip([0.2, 0.4, 0.6]) {
            assert!((mean - golden).abs() < 1e-6, "{means:?}");
        }
    }

    /// The network filled from a file of `parameters`.
    fn filled(parameters: &Parameters) -> Result<Network, BaselineError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.model");
        model_file::save(&path, "test", &(), &parameters.tensors(), &BTreeMap::new()).unwrap();
        let mut file = ModelFile::open(&path, "test")?;
        let network = fill(&mut file, "net", network())?;
        file.finish()?;
        Ok(network)
    }

    #[test]
    fn a_filled_module_is_the_stored_one() {
        let golden = stored();
        let mut again = Parameters::default();
        again.add("net", &filled(&golden).unwrap());
        assert_eq!(again, golden);
    }

    #[test]
    fn faults_name_their_tensor() {
        let fault = |change: fn(&mut Parameters)| {
            let mut parameters = stored();
            change(&mut parameters);
            filled(&parameters).unwrap_err().to_string()
        };
        let missing = fault(|parameters| {
            parameters.0.remove("net.dense.weight");
        });
        assert_eq!(missing, "tensor \"net.dense.weight\" is missing");
        let shape = fault(|parameters| {
            let tensor = HostTensor { shape: vec![4], values: vec![1.0; 4] };
            parameters.0.insert("net.norms.0.gamma".into(), tensor);
        });
        assert_eq!(shape, "tensor \"net.norms.0.gamma\" has shape [4], expected [3]");
        let infinite = fault(|parameters| {
            parameters.0.get_mut("net.dense.bias").unwrap().values[2] = f32::INFINITY;
        });
        let golden = "tensor \"net.dense.bias\" holds a value that is not finite, at position 2";
        assert_eq!(infinite, golden);
        let stranger = fault(|parameters| {
            let tensor = HostTensor { shape: vec![], values: vec![1.0] };
            parameters.0.insert("net.extra".into(), tensor);
        });
        assert_eq!(stranger, "tensor \"net.extra\" is no part of this model");
    }
}
