//! Bodies of the query protocol.

/// The fields of a request in the query protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The members of a list, each as a form of its own.
    pub fn list(&self, name: &str) -> Vec<Form> {
        let member = |number: usize| format!("{name}.member.{number}");
        let of = |prefix: String| {
            let fields = self.0.iter().filter_map(|(key, value)| {
                let rest = key.strip_prefix(&prefix)?;
                let rest = rest.strip_prefix('.').or(rest.is_empty().then_some(""))?;
                Some((rest.to_owned(), value.clone()))
            });
            Form(fields.collect())
        };
        (1..).map(|number| of(member(number))).take_while(|form| !form.0.is_empty()).collect()
    }

    /// The value of a member that is not a structure.
    pub fn value(&self) -> &str {
        self.get("").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_member_by_member() {
        let form = Form::parse(
            b"Names.member.1=a&Names.member.2=b+c&Tags.member.1.Key=k&Tags.member.10.Key=x",
        );
        let names: Vec<_> = form.list("Names").iter().map(|name| name.value().to_owned()).collect();
        assert_eq!(names, ["a", "b c"]);
        assert_eq!(form.list("Tags").len(), 1);
        assert_eq!(form.list("Tags")[0].get("Key"), Some("k"));
    }
}
