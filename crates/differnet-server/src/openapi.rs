//! The document that describes every address under `/v1`, `/v2` and `/metrics`, derived from the handlers and
//! from the types that they answer with.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use differnet::prediction::{FailedPrediction, ScorePrediction};
use utoipa::openapi::schema::{AdditionalProperties, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ArrayBuilder, ContentBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Ref, RefOr, Response,
    ResponseBuilder, Schema, SchemaFormat,
};
use utoipa::{IntoResponses, Modify, OpenApi, PartialSchema, ToSchema};

use crate::problem::ProblemBody;
use crate::routes::images::Localized;
use crate::routes::{self, images, models, status};

/// The document as JSON.
pub(crate) static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Document::openapi().to_json().expect("the document is always JSON"));

#[derive(OpenApi)]
#[openapi(
    info(
        title = "DifferNet",
        version = "1",
        description = "Scores photographs of parts with models of good parts. The page at / uses nothing but \
                       these addresses. An X-Request-Id of a request is sent back, and stands in the log."
    ),
    paths(
        models::list,
        models::one,
        images::score,
        images::localize,
        status::live,
        status::ready,
        status::metrics,
        routes::openapi
    ),
    components(schemas(ProblemBody<'_>, ScorePrediction, Localized, FailedPrediction)),
    modifiers(&Bearer)
)]
struct Document;

/// The token that a server may ask for.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Only where the server was given a token"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// An image file as the body, or as a part of one.
pub(crate) struct ImageBytes;

impl PartialSchema for ImageBytes {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let object = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        Schema::Object(object.format(Some(binary)).build()).into()
    }
}

impl ToSchema for ImageBytes {}

/// Image files as the parts of one body, whatever the names of the parts.
pub(crate) struct ImageParts;

impl PartialSchema for ImageParts {
    fn schema() -> RefOr<Schema> {
        let parts = AdditionalProperties::RefOr(ImageBytes::schema());
        Schema::Object(ObjectBuilder::new().additional_properties(Some(parts)).build()).into()
    }
}

impl ToSchema for ImageParts {}

/// Answers of an address that is behind the token.
pub(crate) struct Guarded;

impl IntoResponses for Guarded {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([
            problem(401, "The token is missing or wrong"),
            problem(403, "A page of another site asked"),
        ])
    }
}

/// Answers to images that are to be scored.
pub(crate) struct Scores;

impl IntoResponses for Scores {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        image_responses("Scores of images", &ScorePrediction::name())
    }
}

/// Answers to images of which maps are to be made.
pub(crate) struct Maps;

impl IntoResponses for Maps {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        image_responses("Anomaly maps of images", &Localized::name())
    }
}

/// Answers to images, of each of which a `found` is told.
fn image_responses(what: &str, found: &str) -> BTreeMap<String, RefOr<Response>> {
    let failed = FailedPrediction::name();
    let each = one_of([reference(found), reference(&failed)]);
    let several = Schema::Array(ArrayBuilder::new().items(each).build());
    let description = format!(
        "{what}: an object for an image that is the body itself, an array in the order of the parts for \
         multipart bodies"
    );
    let unusable = || one_of([reference(&failed), reference(&ProblemBody::name())]);
    let mut responses = Guarded::responses();
    responses.extend([
        response(200, &description, one_of([reference(found), several.into()])),
        problem(400, "No image, a damaged body, or an unknown option"),
        problem(404, "No such model"),
        problem(408, "The body came too slowly"),
        problem(413, "The body is too large, or has more images than can wait"),
        response(415, "Not an image of a known kind", unusable()),
        response(422, "A damaged image, or one with too many pixels", unusable()),
        problem(429, "Too many images are waiting; Retry-After says when to come again"),
        problem(500, "A fault in the server"),
        problem(503, "The server ends, or its memory is full of images"),
        problem(504, "No result within the deadline"),
    ]);
    responses
}

fn problem(status: u16, description: &str) -> (String, RefOr<Response>) {
    response(status, description, reference(&ProblemBody::name()))
}

fn response(status: u16, description: &str, schema: RefOr<Schema>) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new().description(description);
    (status.to_string(), response.content("application/json", content).build().into())
}

fn reference(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

fn one_of(schemas: [RefOr<Schema>; 2]) -> RefOr<Schema> {
    let all = schemas.into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item);
    Schema::OneOf(all.build()).into()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::routes::ADDRESSES;

    fn document() -> Value {
        serde_json::from_str(&DOCUMENT).expect("JSON")
    }

    #[test]
    fn the_document_describes_every_address_and_no_other() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        let mut described: Vec<&str> = paths.keys().map(String::as_str).collect();
        let mut served = ADDRESSES.to_vec();
        described.sort_unstable();
        served.sort_unstable();
        assert_eq!(described, served);
    }

    #[test]
    fn every_reference_of_the_document_leads_to_a_schema() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str));
                    map.values().for_each(|value| references(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20, "{found:?}");
        for reference in found {
            let target = reference.strip_prefix('#').and_then(|place| document.pointer(place));
            assert!(target.is_some(), "{reference}");
        }
    }
}
