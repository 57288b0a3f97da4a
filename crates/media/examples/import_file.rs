//! Imports a file and prints what was found: `import_file INPUT OUTPUT.ogg`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

use media::import::Importer;

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args_os().skip(1);
    let (Some(input), Some(output)) = (paths.next(), paths.next()) else {
        return Err("usage: import_file INPUT OUTPUT.ogg".into());
    };
    let mut importer = Importer::open(File::open(input)?, 1, Vec::new())?;
    let mut output = BufWriter::new(File::create(output)?);
    while let Some(page) = importer.next_page()? {
        output.write_all(&page)?;
    }
    output.flush()?;
    println!("{:#?}", importer.summary());
    Ok(())
}
