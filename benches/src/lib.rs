//! Devices that benches run on.
//!
//! `BENCH_DEVICES` names them, separated by commas; without it they run on `flex`, the processor.
//! Others need the feature of the same name:
//!
//! ```sh
//! cargo bench --bench flow
//! BENCH_DEVICES=flex,wgpu cargo bench -p differnet-benches --features wgpu --bench flow
//! ```

use std::env;

use anyhow::bail;
use burn::tensor::Device;

/// A device and the name it was asked for by.
#[derive(Debug, Clone)]
pub struct BenchDevice {
    /// The name in `BENCH_DEVICES`, which joins the bench's own.
    pub name: String,
    /// The device, opened.
    pub device: Device,
}

/// The devices that `BENCH_DEVICES` names, in its order; `flex` alone without it.
///
/// # Errors
/// If a name is unknown or its feature was not enabled.
pub fn devices() -> anyhow::Result<Vec<BenchDevice>> {
    let names = env::var("BENCH_DEVICES").unwrap_or_else(|_| String::from("flex"));
    let names = names.split(',').map(str::trim);
    names.map(|name| Ok(BenchDevice { name: String::from(name), device: open(name)? })).collect()
}

fn open(name: &str) -> anyhow::Result<Device> {
    Ok(match name {
        "flex" => Device::flex(),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::wgpu(Default::default()),
        #[cfg(feature = "cuda")]
        "cuda" => Device::cuda(0),
        _ => bail!("no device `{name}` in this build; flex, or wgpu or cuda with that feature"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_devices_are_refused_by_name() {
        let error = open("abacus").expect_err("nothing of that name");
        assert!(error.to_string().contains("`abacus`"));
        assert!(open("flex").is_ok());
    }
}
