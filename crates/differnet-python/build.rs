//! Folds functions of equal code, and strings that end alike, into one: the wheel becomes smaller.

fn main() {
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    // Where Rust links with LLD unless it is told otherwise; other linkers know no such option.
    if (target("ARCH"), target("OS"), target("ENV"))
        == ("x86_64".into(), "linux".into(), "gnu".into())
    {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--icf=all,-O2");
    }
}
