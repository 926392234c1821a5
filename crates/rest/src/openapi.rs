//! What the OpenAPI documents of all services share.

use common::problem::Document;
use utoipa::{
    Modify, OpenApi, PartialSchema, ToSchema,
    openapi::{
        Components, ContentBuilder, OpenApi as Spec, RefOr, Response, ResponseBuilder, Server,
        path::{Operation, Parameter},
        schema::{Ref, Schema, SchemaType, Type},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

/// Where the gateway publishes the services' paths.
pub(crate) const BASE: &str = "/api/v1";
/// The bearer token of people, programs and visitors.
const BEARER: &str = "bearer";

/// What [`IfMatch`](crate::IfMatch) takes: entity tags (RFC 9110 §8.8.3) without commas in them.
const IF_MATCH: &str = r#"^(\*|"[!#-+.-~-]*"( *, *"[!#-+.-~-]*")*)$"#;
/// What [`IdempotencyKey`](crate::IdempotencyKey) takes.
const IDEMPOTENCY_KEY: &str = r"^[!-~]([\t -~]*[!-~])?$";

/// Adds what every operation answers: the statuses that the shared layers and extractors give, each as
/// a problem document. An operation documents its own statuses; these fill what is missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Problems;

/// Statuses that depend on nothing but the listener: our own faults, and what the gateway answers.
const ALWAYS: &[(&str, &str)] = &[
    ("413", "the body is too large, even where none is looked at"),
    ("429", "too many requests"),
    ("500", "a fault of ours"),
    ("502", "the service gave no usable answer"),
    ("503", "something that the request needs is down"),
    ("504", "the service did not answer in time"),
];
/// Statuses of an operation that takes a JSON body.
const WITH_BODY: &[(&str, &str)] = &[
    (
        "400",
        "the body is not JSON, or a parameter or a header is not valid",
    ),
    ("415", "the body has another media type"),
    ("422", "fields are missing, unknown or not valid"),
];
/// Statuses of an operation that wants a token.
const WITH_TOKEN: &[(&str, &str)] = &[
    ("401", "no valid token"),
    (
        "403",
        "the caller may not do this, or comes from an origin that is not allowed",
    ),
];
/// Statuses of an operation that changes something and wants no token: it sets cookies or reads them, so
/// a browser may call it from our own pages only.
const WITH_COOKIES: &[(&str, &str)] = &[("403", "the request comes from another site's page")];

impl Modify for Problems {
    fn modify(&self, spec: &mut Spec) {
        let components = spec.components.get_or_insert_with(Components::default);
        components
            .schemas
            .insert("Problem".to_owned(), <Document as PartialSchema>::schema());
        let mut referred = Vec::new();
        <Document as ToSchema>::schemas(&mut referred);
        components.schemas.extend(
            referred
                .into_iter()
                .map(|(name, schema): (String, RefOr<Schema>)| (name, schema)),
        );
        components.security_schemes.insert(
            BEARER.to_owned(),
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)).into(),
        );
        for (path, item) in &mut spec.paths.paths {
            if let Some(operation) = &mut item.get {
                complete(path, Does::Reads, operation);
            }
            let changes = [
                &mut item.post,
                &mut item.put,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in changes.into_iter().filter_map(Option::as_mut) {
                complete(path, Does::Changes, operation);
            }
        }
    }
}

/// What a method does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Reads,
    Changes,
}

fn complete(path: &str, does: Does, operation: &mut Operation) {
    let public = is_public(operation);
    let mut add = |statuses: &[(&str, &str)]| {
        for (status, why) in statuses {
            operation
                .responses
                .responses
                .entry((*status).to_owned())
                .or_insert_with(|| RefOr::T(problem(why)));
        }
    };
    add(ALWAYS);
    if operation.request_body.is_some() {
        add(WITH_BODY);
    }
    if !public {
        add(WITH_TOKEN);
    } else if does == Does::Changes {
        add(WITH_COOKIES);
    }
    if let Some(parameters) = &mut operation.parameters
        && !parameters.is_empty()
    {
        add(&[("400", "a parameter or a header is not valid")]);
        for parameter in parameters {
            if let RefOr::T(parameter) = parameter {
                specify(parameter);
            }
        }
    }
    if path.contains('{') {
        add(&[("404", "nothing is there for this workspace")]);
    }
}

/// Says of a parameter what utoipa does not: it may be left out, but is never null; and what the headers
/// look like that many operations take.
fn specify(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else {
        return;
    };
    if let SchemaType::Array(types) = &schema.schema_type
        && let [only, Type::Null] = &types[..]
    {
        schema.schema_type = SchemaType::Type(only.clone());
    }
    match &*parameter.name {
        "If-Match" => schema.pattern = Some(IF_MATCH.to_owned()),
        "Idempotency-Key" => {
            schema.pattern = Some(IDEMPOTENCY_KEY.to_owned());
            schema.max_length = Some(255);
        }
        _ => {}
    }
}

/// Whether an operation wants no token: `security(())` is one requirement that asks for nothing.
fn is_public(operation: &Operation) -> bool {
    let nothing = SecurityRequirement::default();
    operation
        .security
        .as_ref()
        .is_some_and(|all| all.iter().all(|one| *one == nothing))
}

fn problem(why: &str) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(why)
        .content(common::problem::MEDIA_TYPE, content)
        .build()
}

/// Finishes a service's document: its title, where the gateway serves it, and what [`Problems`] adds.
#[must_use]
pub fn document(mut spec: Spec, title: &str, description: &str) -> Spec {
    #[derive(OpenApi)]
    #[openapi(security(("bearer" = [])))]
    struct Base;

    let base = Base::openapi();
    spec.info.title = title.to_owned();
    spec.info.description = Some(description.to_owned());
    spec.info.version = "v1".to_owned();
    spec.info.license = None;
    spec.info.contact = None;
    spec.servers = Some(vec![Server::new(BASE)]);
    spec.security = base.security;
    Problems.modify(&mut spec);
    spec
}

/// Prints a document, for the `openapi` subcommand.
#[expect(clippy::print_stdout, reason = "the subcommand's output")]
pub fn print(spec: &Spec) {
    println!("{}", spec.to_pretty_json().expect("a document is JSON"));
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::{
        path::{OperationBuilder, ParameterBuilder},
        schema::ObjectBuilder,
    };

    use super::*;

    fn answers(does: Does, operation: OperationBuilder, status: &str) -> bool {
        let mut operation = operation.build();
        complete("/x", does, &mut operation);
        operation.responses.responses.contains_key(status)
    }

    // What `security(())` becomes.
    fn public() -> OperationBuilder {
        OperationBuilder::new().security(SecurityRequirement::default())
    }

    #[test]
    fn only_who_wants_a_token_answers_401() {
        let answers = |operation, status| answers(Does::Reads, operation, status);
        let bearer = SecurityRequirement::new(BEARER, Vec::<String>::new());
        assert!(!answers(public(), "401") && !answers(public(), "403"));
        assert!(answers(public(), "413") && answers(public(), "503"));
        assert!(answers(OperationBuilder::new(), "401"));
        assert!(answers(OperationBuilder::new().security(bearer), "401"));
    }

    #[test]
    fn a_header_may_be_left_out_and_is_never_null() {
        let optional: SchemaType = [Type::String, Type::Null].into_iter().collect();
        let schema = ObjectBuilder::new().schema_type(optional);
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .schema(Some(schema));
        let mut operation = OperationBuilder::new().parameter(parameter).build();
        complete("/x", Does::Changes, &mut operation);
        assert!(operation.responses.responses.contains_key("400"));
        let Some(RefOr::T(parameter)) = operation.parameters.unwrap().pop() else {
            panic!("it is there");
        };
        let Some(RefOr::T(Schema::Object(schema))) = parameter.schema else {
            panic!("it has a schema");
        };
        assert!(schema.schema_type == SchemaType::Type(Type::String));
        assert_eq!(schema.pattern.as_deref(), Some(IF_MATCH));
    }

    #[test]
    fn a_change_without_a_token_is_refused_to_pages_of_other_sites() {
        assert!(answers(Does::Changes, public(), "403"));
        assert!(!answers(Does::Changes, public(), "401"));
    }
}
