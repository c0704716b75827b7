//! Takes the fields of a line apart.

use revring_protocol::{
    codec::Codec,
    ids::{InvalidName, Rev},
    value::{Number, Object, Value},
};

/// What is wrong with a line.
pub(super) type Problem = String;

/// The fields of one object.
pub(super) struct Fields(Object);

impl Fields {
    pub(super) fn of_line(line: &[u8]) -> Result<Self, Problem> {
        let value = Codec::Json.decode_value(line);
        Self::of(value.map_err(|error| error.to_string())?)
    }

    fn of(value: Value) -> Result<Self, Problem> {
        match value {
            Value::Object(entries) => Ok(Self(entries)),
            other => Err(format!("must be an object, not {}", other.kind())),
        }
    }

    fn take(&mut self, name: &str) -> Result<Value, Problem> {
        let value = self.0.remove(name);
        value.ok_or_else(|| format!("{name} is missing"))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, Problem> {
        match self.take(name)? {
            Value::String(text) => Ok(text),
            other => Err(wrong(name, "a string", &other)),
        }
    }

    pub(super) fn name<T: std::str::FromStr<Err = InvalidName>>(
        &mut self,
        name: &str,
    ) -> Result<T, Problem> {
        let text = self.text(name)?;
        text.parse().map_err(|error: InvalidName| error.to_string())
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<u64, Problem> {
        let value = self.take(name)?;
        let number = value.as_number().and_then(Number::as_u64);
        number.ok_or_else(|| wrong(name, "an integer of 0 or more", &value))
    }

    pub(super) fn rev(&mut self, name: &str) -> Result<Rev, Problem> {
        self.integer(name).map(Rev::new)
    }

    pub(super) fn count(&mut self, name: &str) -> Result<usize, Problem> {
        let count = self.integer(name)?;
        usize::try_from(count).map_err(|_| format!("{name} is too large: {count}"))
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Object, Problem> {
        Ok(self.fields(name)?.0)
    }

    pub(super) fn fields(&mut self, name: &str) -> Result<Self, Problem> {
        match self.take(name)? {
            Value::Object(entries) => Ok(Self(entries)),
            other => Err(wrong(name, "an object", &other)),
        }
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Self>, Problem> {
        match self.take(name)? {
            Value::Array(items) => items.into_iter().map(Self::of).collect(),
            other => Err(wrong(name, "an array", &other)),
        }
    }
}

fn wrong(name: &str, expected: &str, found: &Value) -> Problem {
    format!("{name} must be {expected}, not {}", found.kind())
}

/// That the field `name` is not more than it may be.
pub(super) fn up_to(name: &str, found: u64, most: u64) -> Result<(), Problem> {
    if found <= most {
        return Ok(());
    }
    Err(format!("{name} must be at most {most}, not {found}"))
}
