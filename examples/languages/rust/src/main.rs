fn main() {
    let name = std::env::args().nth(1).unwrap_or("world".to_string());
    println!("Hello, {name}, from Rust");
}
