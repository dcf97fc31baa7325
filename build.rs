//! Makes cargo notice a new migration file.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
