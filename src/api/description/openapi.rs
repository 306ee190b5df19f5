//! The requests of the API, as OpenAPI 3.1.
//!
//! `openapi.json` is the template: what each method of a path takes and answers, and everything that operations
//! share. Filled in here are the operations of each route and collection, their names, and the problems that
//! each can answer with.

use crate::api::description::names::{addresses, operation_id};
use crate::api::description::schemas::{self, reference};
use crate::api::resources::created_text;
use crate::api::route::{CHAPTER, Route, SOCKETS};
use crate::config::QUERY_PARAMETERS_MAX;
use crate::model::call::Method;
use crate::site::chapters::contents::{CHAPTERS, Chapter};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const TEMPLATE: &str = include_str!("openapi.json");

/// Statuses of the problems that any request can be answered with.
const ANY_REQUEST: [u64; 11] = [400, 404, 406, 408, 413, 414, 417, 426, 431, 501, 505];

pub fn document(routes: &[Route], collections: &[&str]) -> Value {
    let mut document: Value = serde_json::from_str(TEMPLATE).expect("the template is JSON");
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    fill_components(&mut document["components"]);
    let templates = document["paths"].take();
    let mut paths = Map::new();
    for route in routes {
        for (address, collection) in addresses(route.path, collections) {
            let item =
                paths.entry(address.clone()).or_insert_with(|| path_item(&templates, route.path, &address));
            let operation = operation(&templates, route, &address, collection);
            if has_head(route) {
                item["head"] = head_of(&operation, &address);
            }
            item[word(route.method)] = operation;
        }
    }
    document["paths"] = paths.into();
    document
}

fn fill_components(components: &mut Value) {
    components["schemas"] = schemas::shared();
    let parameters = &mut components["parameters"];
    parameters["Filters"]["schema"]["maxProperties"] = (QUERY_PARAMETERS_MAX / 2).into();
    parameters["Page"]["schema"]["maximum"] = usize::MAX.into();
    parameters["PerPage"]["schema"] = schemas::per_page();
    for response in components["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let headers = response.as_object_mut().and_then(|response| response.remove("headers"));
        response["content"] = json!({
            "application/problem+json": { "schema": reference("Problem") },
            "text/plain": { "schema": { "type": "string" } },
            "text/html": { "schema": { "type": "string" } },
            "application/problem+xml": {}
        });
        if let Some(headers) = headers {
            response["headers"] = headers;
        }
    }
}

/// A WebSocket handshake has no HEAD.
fn has_head(route: &Route) -> bool {
    route.method == Method::Get && !SOCKETS.contains(&route.path)
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
        Method::Options => "options",
    }
}

/// The path in the template that describes a path of the routing table.
fn template_path(path: &str) -> &str {
    match path {
        path if SOCKETS.contains(&path) => "/{socket}",
        "/metrics" => "/healthz",
        "/openapi.json" | "/asyncapi.json" => "/{description}.json",
        path if path.ends_with(".js") => "/-/{script}.js",
        path if path.ends_with(".css") => "/-/{style}.css",
        path => path,
    }
}

/// Returns the parameters that all methods of an address share, and OPTIONS, which is in no routing table.
fn path_item(templates: &Value, path: &str, address: &str) -> Value {
    let mut item = json!({});
    if let Some(parameters) = templates[path].get("parameters") {
        item["parameters"] = parameters.clone();
        item["parameters"][0]["schema"] = match path {
            CHAPTER => {
                json!({ "type": "string", "enum": CHAPTERS.iter().map(Chapter::name).collect::<Vec<_>>() })
            }
            _ => schemas::id(),
        };
    }
    let options = &templates["options"];
    item["options"] = fill(options, "options", address, "which methods there are", None);
    item
}

fn operation(templates: &Value, route: &Route, address: &str, collection: Option<&str>) -> Value {
    let method = word(route.method);
    let template = &templates[template_path(route.path)][method];
    let mut operation = fill(template, method, address, route.summary, collection);
    if let (Method::Post, Some(name)) = (route.method, collection) {
        operation["responses"]["201"]["content"]["text/plain"]["schema"]["const"] = created_text(name).into();
    }
    operation
}

/// Fills in an operation: its name, its summary, its tag, and references to the problems of its responses.
fn fill(template: &Value, method: &str, address: &str, summary: &str, tag: Option<&str>) -> Value {
    let mut operation = json!({ "operationId": operation_id(method, address), "summary": summary });
    if let Some(tag) = tag {
        operation["tags"] = json!([tag]);
    }
    for (member, value) in template.as_object().into_iter().flatten().filter(|(name, _)| *name != "problems")
    {
        operation[member] = value.clone();
    }
    let own = template["problems"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let statuses: BTreeSet<u64> = own.chain(ANY_REQUEST).collect();
    for status in statuses {
        operation["responses"][status.to_string()] =
            json!({ "$ref": format!("#/components/responses/Problem{status}") });
    }
    operation
}

/// HEAD is GET without a body.
fn head_of(get: &Value, address: &str) -> Value {
    let mut head = get.clone();
    head["operationId"] = operation_id("head", address).into();
    let answers = head["responses"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for answer in answers.filter_map(Value::as_object_mut) {
        answer.remove("content");
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::new_item::MEDIA_TYPES;
    use crate::api::routes::ROUTES;

    const NAMES: &[&str] = &["tasks", "notes"];

    #[test]
    fn every_route_has_an_operation_and_every_operation_a_route() {
        let document = document(ROUTES, NAMES);
        let mut described = BTreeSet::new();
        for (address, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(methods.map(|method| (address.clone(), method.clone())));
        }
        let mut routed = BTreeSet::new();
        for route in ROUTES {
            for (address, _) in addresses(route.path, NAMES) {
                routed.insert((address.clone(), "options".to_owned()));
                if has_head(route) {
                    routed.insert((address.clone(), "head".to_owned()));
                }
                routed.insert((address, word(route.method).to_owned()));
            }
        }
        assert_eq!(described, routed);
        assert!(document["paths"]["/notes/{id}"]["patch"]["summary"].is_string());
    }

    #[test]
    fn every_template_belongs_to_a_route() {
        let template: Value = serde_json::from_str(TEMPLATE).unwrap();
        let used: BTreeSet<(&str, &str)> =
            ROUTES.iter().map(|route| (template_path(route.path), word(route.method))).collect();
        for (path, item) in
            template["paths"].as_object().unwrap().iter().filter(|(path, _)| *path != "options")
        {
            for method in item.as_object().unwrap().keys().filter(|method| *method != "parameters") {
                assert!(used.contains(&(path, method)), "{method} {path}");
            }
        }
        let content =
            template["paths"]["/{collection}"]["post"]["requestBody"]["content"].as_object().unwrap();
        assert_eq!(content.keys().map(String::as_str).collect::<Vec<_>>().join(", "), MEDIA_TYPES);
    }

    #[test]
    fn every_reference_leads_somewhere_and_no_operation_has_the_name_of_another() {
        let document = document(ROUTES, NAMES);
        let text = document.to_string();
        for target in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(target).is_some(), "{target}");
        }
        let ids: Vec<&str> =
            text.split("\"operationId\":\"").skip(1).map(|id| &id[..id.find('"').unwrap()]).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn every_operation_says_what_comes_of_it() {
        for (address, item) in document(ROUTES, NAMES)["paths"].as_object().unwrap() {
            for (method, operation) in
                item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters")
            {
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.keys().any(|status| status < &"300".to_owned()), "{method} {address}");
                for (status, response) in responses {
                    let is_problem = response.get("$ref").is_some();
                    assert_eq!(is_problem, **status >= *"400", "{method} {address} {status}");
                }
            }
        }
    }
}
