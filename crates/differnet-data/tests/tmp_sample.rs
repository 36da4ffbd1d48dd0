use differnet_data::*;
#[test]
fn s() {
    let t = std::time::Instant::now();
    let _ = std::fs::remove_dir_all("/tmp/sample");
    let c = SampleConfig { train: 8, test_good: 4, test_defect_per_kind: 8, ..Default::default() };
    println!("{:?}", write_sample_dataset(std::path::Path::new("/tmp/sample"), &c));
    println!("{:?}", t.elapsed());
}
