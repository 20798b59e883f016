//! Has this crate compiled again once the console's bundle is built, or built anew: the bundle is
//! embedded. The folder is always there, else cargo would run this at every build.

fn main() {
    println!("cargo::rerun-if-changed=console/dist");
}
