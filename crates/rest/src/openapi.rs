//! What the OpenAPI documents of all services share.

use common::problem::Document;
use utoipa::{
    Modify, OpenApi, PartialSchema, ToSchema,
    openapi::{
        Components, ContentBuilder, OpenApi as Spec, RefOr, Response, ResponseBuilder, Server,
        path::Operation,
        schema::{Ref, Schema},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

/// Where the gateway publishes the services' paths.
pub(crate) const BASE: &str = "/api/v1";
/// The bearer token of people, programs and visitors.
const BEARER: &str = "bearer";

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
            let operations = [
                &mut item.get,
                &mut item.post,
                &mut item.put,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in operations.into_iter().filter_map(Option::as_mut) {
                complete(path, operation);
            }
        }
    }
}

fn complete(path: &str, operation: &mut Operation) {
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
    }
    if operation
        .parameters
        .as_ref()
        .is_some_and(|parameters| !parameters.is_empty())
    {
        add(&[("400", "a parameter or a header is not valid")]);
    }
    if path.contains('{') {
        add(&[("404", "nothing is there for this workspace")]);
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
    use utoipa::openapi::path::OperationBuilder;

    use super::*;

    #[test]
    fn only_who_wants_a_token_answers_401() {
        let answers = |operation: OperationBuilder, status: &str| {
            let mut operation = operation.build();
            complete("/x", &mut operation);
            operation.responses.responses.contains_key(status)
        };
        // What `security(())` becomes.
        let public = || OperationBuilder::new().security(SecurityRequirement::default());
        let bearer = SecurityRequirement::new(BEARER, Vec::<String>::new());
        assert!(!answers(public(), "401") && !answers(public(), "403"));
        assert!(answers(public(), "413") && answers(public(), "503"));
        assert!(answers(OperationBuilder::new(), "401"));
        assert!(answers(OperationBuilder::new().security(bearer), "401"));
    }
}
