//! Query strings.

use std::{fmt::Display, str::FromStr};

use actix_web::{HttpRequest, web::Query};
use chancery_ids::Limit;
use serde_json::{Value, json};

use crate::problem::{Failure, Violation, Violations, scalar_input, sentence};

/// The parameters of a query string, read one after another; what is wrong is told all at once at the end. Names that no
/// route asks for are ignored; of a name that occurs twice the last counts.
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    violations: Violations,
}

impl Params {
    /// Those of a request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string());
        Self {
            pairs: pairs.map(Query::into_inner).unwrap_or_default(),
            violations: Violations::default(),
        }
    }

    /// A text, if it is there.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let place = self.pairs.iter().rposition(|(given, _)| given == name)?;
        Some(self.pairs.remove(place).1)
    }

    /// A text that has to be there.
    pub(crate) fn required(&mut self, name: &'static str) -> String {
        let text = self.text(name);
        if text.is_none() {
            self.violations
                .add(Violation::new("query", "missing", "Field required").at(name));
        }
        text.unwrap_or_default()
    }

    /// `limit`: from 1 to `most`, and `otherwise` when it is not given.
    pub(crate) fn limit(&mut self, otherwise: u8, most: u8) -> Limit {
        let number = match self.text("limit") {
            None => otherwise,
            Some(text) => self.bounded(&text, most),
        };
        Limit::new(number).unwrap_or(Limit::LARGEST)
    }

    fn bounded(&mut self, text: &str, most: u8) -> u8 {
        let broken = |kind, msg: String| {
            let violation = Violation::new("query", kind, msg).at("limit");
            violation.input(scalar_input(std::iter::empty(), &Value::from(text)))
        };
        let Ok(number) = text.trim().parse::<i64>() else {
            let msg = "Input should be a valid integer, unable to parse string as an integer";
            self.violations.add(broken("int_parsing", msg.to_owned()));
            return most;
        };
        if number < 1 {
            let msg = "Input should be greater than or equal to 1".to_owned();
            self.violations
                .add(broken("greater_than_equal", msg).ctx(json!({"ge": 1})));
        } else if number > i64::from(most) {
            let msg = format!("Input should be less than or equal to {most}");
            self.violations
                .add(broken("less_than_equal", msg).ctx(json!({"le": most})));
        }
        u8::try_from(number).unwrap_or(most)
    }

    /// `offset`: from 0 to `most`, and 0 when it is not given. Only for lists that are bounded for each owner.
    pub(crate) fn offset(&mut self, most: u16) -> usize {
        let Some(text) = self.text("offset") else {
            return 0;
        };
        let number = text.trim().parse::<u16>().ok().filter(|number| *number <= most);
        if number.is_none() {
            let msg = format!("Input should be a number from 0 to {most}");
            let violation = Violation::new("query", "value_error", msg).at("offset");
            self.violations
                .add(violation.input(scalar_input(std::iter::empty(), &Value::from(text))));
        }
        number.unwrap_or_default().into()
    }

    /// One of a few words, each with what it means; the usual one is taken when it is not given.
    pub(crate) fn choice<T: Copy, const N: usize>(
        &mut self,
        name: &'static str,
        usual: (&'static str, T),
        others: [(&'static str, T); N],
    ) -> T {
        let Some(text) = self.text(name) else {
            return usual.1;
        };
        let words = || std::iter::once(usual).chain(others);
        if let Some((_, meaning)) = words().find(|(word, _)| *word == text) {
            return meaning;
        }
        let expected: Vec<_> = words().map(|(word, _)| format!("'{word}'")).collect();
        let expected = expected.join(" or ");
        let violation = Violation::new("query", "literal_error", format!("Input should be {expected}"))
            .at(name)
            .input(scalar_input(std::iter::once(name), &Value::from(text)))
            .ctx(json!({"expected": expected}));
        self.violations.add(violation);
        usual.1
    }

    /// What a text of this form means, if it is there. `kind` is the type of the violation.
    pub(crate) fn parsed<T>(&mut self, name: &'static str, kind: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(name)?;
        match text.parse() {
            Ok(meaning) => Some(meaning),
            Err(unfit) => {
                let violation = Violation::new("query", kind, sentence(&format!("{unfit}"))).at(name);
                let input = scalar_input(std::iter::once(name), &Value::from(text));
                self.violations.add(violation.input(input));
                None
            }
        }
    }

    /// Fails with everything that was wrong.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        Ok(self.violations.or(())?)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{ResponseError, body::to_bytes, test::TestRequest};
    use serde_json::{Value, json};

    use super::Params;

    async fn details(params: Params) -> Value {
        let body = params.finish().unwrap_err().error_response().into_body();
        let body: Value = serde_json::from_slice(&to_bytes(body).await.unwrap()).unwrap();
        body["details"].clone()
    }

    fn of(query: &str) -> Params {
        Params::of(&TestRequest::get().uri(&format!("/?{query}")).to_http_request())
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let mut params = of("unknown=1");
        assert_eq!(params.limit(50, 100).as_usize(), 50);
        assert!(params.choice("direction", ("desc", true), [("asc", false)]));
        assert_eq!(params.text("cursor"), None);
        params.finish().unwrap();
    }

    #[test]
    fn the_last_of_a_repeated_name_counts_and_is_decoded() {
        let mut params = of("q=a&q=b%20c%2B+d");
        assert_eq!(params.required("q"), "b c+ d");
        params.finish().unwrap();
    }

    #[actix_web::test]
    async fn everything_that_is_wrong_is_told_at_once() {
        let mut params = of("limit=0&direction=sideways");
        params.limit(50, 100);
        params.choice("direction", ("desc", true), [("asc", false)]);
        params.required("q");
        let expected = json!([
            {"type": "greater_than_equal", "loc": ["query", "limit"], "input": "0", "ctx": {"ge": 1},
             "msg": "Input should be greater than or equal to 1"},
            {"type": "literal_error", "loc": ["query", "direction"], "input": "sideways",
             "msg": "Input should be 'desc' or 'asc'", "ctx": {"expected": "'desc' or 'asc'"}},
            {"type": "missing", "loc": ["query", "q"], "msg": "Field required"},
        ]);
        assert_eq!(details(params).await, expected);
    }

    #[actix_web::test]
    async fn what_is_not_of_the_form_is_refused_with_what_the_form_is() {
        let mut params = of("a=7&b=seven");
        assert_eq!(params.parsed::<u8>("a", "int_parsing"), Some(7));
        assert_eq!(params.parsed::<u8>("b", "int_parsing"), None);
        assert_eq!(params.parsed::<u8>("c", "int_parsing"), None);
        let expected = json!([{"type": "int_parsing", "loc": ["query", "b"], "input": "seven",
             "msg": "Invalid digit found in string."}]);
        assert_eq!(details(params).await, expected);
    }

    #[actix_web::test]
    async fn limits_beyond_the_bounds_or_no_numbers_are_refused() {
        for (query, kind) in [
            ("limit=101", "less_than_equal"),
            ("limit=99999999999", "less_than_equal"),
            ("limit=-1", "greater_than_equal"),
            ("limit=ten", "int_parsing"),
            ("limit=", "int_parsing"),
            ("limit=99999999999999999999", "int_parsing"),
        ] {
            let mut params = of(query);
            params.limit(50, 100);
            assert_eq!(details(params).await[0]["type"], kind, "{query}");
        }
    }
}
