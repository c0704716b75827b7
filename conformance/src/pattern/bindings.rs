//! Variables of a fixture.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The variables of one run, by name without the `$`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings(BTreeMap<String, Value>);

/// The name of the variable that `text` stands for, if it does: `$epoch`, `$ann.key`.
pub(super) fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    begins.then_some(name)
}

impl Bindings {
    pub(crate) fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The text bound to `name`.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// `template` with its variables replaced and its generators run.
    ///
    /// # Errors
    /// Names a variable that is not bound.
    pub(crate) fn fill(&self, template: &Value) -> Result<Value, String> {
        match template {
            Value::String(text) => self.fill_text(text),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => match self.generated(fields)? {
                Some(value) => Ok(value),
                None => self.fill_object(fields).map(Value::Object),
            },
            scalar => Ok(scalar.clone()),
        }
    }

    fn fill_text(&self, text: &str) -> Result<Value, String> {
        match variable(text) {
            Some(name) => self
                .get(name)
                .cloned()
                .ok_or_else(|| format!("the variable ${name} is not bound")),
            None => Ok(Value::from(
                text.strip_prefix('$')
                    .filter(|rest| rest.starts_with('$'))
                    .unwrap_or(text),
            )),
        }
    }

    fn fill_object(&self, fields: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        let fields = fields
            .iter()
            .map(|(name, field)| Ok((self.fill_key(name)?, self.fill(field)?)));
        fields.collect()
    }

    /// A field's name, which may be a variable too.
    pub(super) fn fill_key(&self, name: &str) -> Result<String, String> {
        match self.fill_text(name)? {
            Value::String(text) => Ok(text),
            other => Err(format!("{name} is {other}, which cannot name a field")),
        }
    }

    /// `{"$repeat": "x", "times": 3}` is `"xxx"`, `{"$repeat": 1, "times": 2}` is `[1, 1]`, `{"$nest": 3}` is `[[[]]]`.
    fn generated(&self, fields: &Map<String, Value>) -> Result<Option<Value>, String> {
        let number = |name| {
            fields
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        if let (Some(repeated), Some(times)) = (fields.get("$repeat"), number("times")) {
            return Ok(Some(match self.fill(repeated)? {
                Value::String(text) => Value::from(text.repeat(times)),
                item => Value::from(vec![item; times]),
            }));
        }
        let nested = |levels| {
            (1..levels).fold(Value::Array(Vec::new()), |inner, _| {
                Value::Array(vec![inner])
            })
        };
        Ok(number("$nest").map(nested))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_replaced_in_values_and_names() {
        let mut bindings = Bindings::default();
        bindings.set("ann.id", "abc");
        bindings.set("rev", 3);
        let filled = bindings
            .fill(&json!({"clients": {"$ann.id": ["$rev"]}, "cost": "$$rev", "free": "$ 3"}));
        assert_eq!(
            filled,
            Ok(json!({"clients": {"abc": [3]}, "cost": "$rev", "free": "$ 3"}))
        );
        assert!(
            bindings
                .fill(&json!("$other"))
                .is_err_and(|error| error.contains("$other"))
        );
    }

    #[test]
    fn generators_make_long_and_deep_values() {
        let template =
            json!([{"$repeat": "ab", "times": 3}, {"$repeat": {"a": 1}, "times": 2}, {"$nest": 3}]);
        let filled = Bindings::default().fill(&template);
        assert_eq!(filled, Ok(json!(["ababab", [{"a": 1}, {"a": 1}], [[[]]]])));
    }
}
