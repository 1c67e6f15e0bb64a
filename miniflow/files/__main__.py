"""`python -m miniflow.files` regenerates the JSON Schema file, after a change of the format."""

from miniflow.files.schema import write_schema_file

if __name__ == "__main__":
    write_schema_file()
