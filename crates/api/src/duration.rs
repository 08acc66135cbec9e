//! Durations as the Gateway API writes them (GEP-2257): `90s`, `1h30m`, `500ms`.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One to four numbers of at most five digits, each with a unit. The API server checks the same pattern, so that Go's
/// `time.ParseDuration`, CEL's `duration()` and this parser agree on every stored value.
const PATTERN: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

/// A non-negative time span in Gateway API format: one to four of `<number><unit>` with at most five digits and the
/// units `h`, `m`, `s` and `ms`. Displayed in the shortest form (`90m` becomes `1h30m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(time::Duration);

/// Why a text is not a [`Duration`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    /// Nothing, or more than four parts.
    #[error("a duration has one to four parts, such as 1h30m")]
    Parts,
    /// A part does not start with one to five digits.
    #[error("every part of a duration starts with one to five digits, such as 90s")]
    Number,
    /// A number is not followed by a known unit.
    #[error("every number of a duration is followed by h, m, s or ms, such as 90s")]
    Unit,
}

impl Duration {
    /// A duration of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// The same span in the standard library's type.
    pub const fn get(self) -> time::Duration {
        self.0
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl FromStr for Duration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut total = time::Duration::ZERO;
        let mut rest = text;
        for _ in 0..4 {
            let (part, tail) = parse_part(rest)?;
            total += part;
            if tail.is_empty() {
                return Ok(Self(total));
            }
            rest = tail;
        }
        Err(ParseDurationError::Parts)
    }
}

fn parse_part(text: &str) -> Result<(time::Duration, &str), ParseDurationError> {
    if text.is_empty() {
        return Err(ParseDurationError::Parts);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, tail) = text.split_at(digits);
    if !(1..=5).contains(&digits) {
        return Err(ParseDurationError::Number);
    }
    let number: u64 = number.parse().map_err(|_| ParseDurationError::Number)?;
    // `ms` before `m`: otherwise `5ms` would read as five minutes followed by a lone `s`.
    if let Some(tail) = tail.strip_prefix("ms") {
        return Ok((time::Duration::from_millis(number), tail));
    }
    for (unit, seconds) in [("h", 3600), ("m", 60), ("s", 1)] {
        if let Some(tail) = tail.strip_prefix(unit) {
            return Ok((time::Duration::from_secs(number * seconds), tail));
        }
    }
    Err(ParseDurationError::Unit)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        let seconds = self.0.as_secs();
        let parts = [
            (seconds / 3600, "h"),
            (seconds % 3600 / 60, "m"),
            (seconds % 60, "s"),
            (u64::from(self.0.subsec_millis()), "ms"),
        ];
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{number}{unit}")?;
        }
        Ok(())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // 28 characters are four parts of five digits and a two-letter unit.
        json_schema!({ "type": "string", "maxLength": 28, "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_gateway_api_format_are_read_and_written_in_their_shortest_form() {
        for (text, millis, shortest) in [
            ("0s", 0, "0s"),
            ("0h0m", 0, "0s"),
            ("5ms", 5, "5ms"),
            ("90s", 90_000, "1m30s"),
            ("10m", 600_000, "10m"),
            ("90m", 5_400_000, "1h30m"),
            ("48h", 172_800_000, "48h"),
            ("1h1m1s1ms", 3_661_001, "1h1m1s1ms"),
            ("1s1h", 3_601_000, "1h1s"),
            ("99999h", 359_996_400_000, "99999h"),
        ] {
            let duration: Duration = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(duration.get(), time::Duration::from_millis(millis), "{text}");
            assert_eq!(duration.to_string(), shortest, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (text, error) in [
            ("", ParseDurationError::Parts),
            ("1h1h1h1h1h", ParseDurationError::Parts),
            ("h", ParseDurationError::Number),
            ("-1h", ParseDurationError::Number),
            ("100000s", ParseDurationError::Number),
            ("1h ", ParseDurationError::Number),
            ("10", ParseDurationError::Unit),
            ("1.5h", ParseDurationError::Unit),
            ("1d", ParseDurationError::Unit),
            ("1us", ParseDurationError::Unit),
            ("1H", ParseDurationError::Unit),
        ] {
            assert_eq!(text.parse::<Duration>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn durations_travel_as_json_strings() {
        let duration: Duration = serde_json::from_str("\"90m\"").unwrap();
        assert_eq!(serde_json::to_string(&duration).unwrap(), "\"1h30m\"");
        assert!(serde_json::from_str::<Duration>("90").is_err());
    }
}
