//! Maps over HTTP.

use differnet::scoring::to_single_precision;
use differnet::{DeviceChoice, Model, Runtime};
use serde_json::Value;

use crate::client::get;
use crate::describing::described;
use crate::scores::{Trained, localize};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn maps_are_those_of_files_and_come_with_the_pictures_asked_for() {
    let trained = Trained::new();
    let image = std::fs::read(&trained.images[0]).unwrap();
    let model =
        Model::load_on(&trained.model, &Runtime::open(DeviceChoice::Flex).unwrap()).unwrap();
    let found = model.map(&trained.images[0]).unwrap();

    let plain = localize(&trained, "?name=a.png", &image).json();
    let expected = ["height", "map_threshold", "path", "regions", "score", "threshold", "top"];
    assert_eq!(keys(&plain), [&expected[..], &["verdict", "width"]].concat());
    assert_eq!(plain["score"].as_f64().unwrap().to_bits(), found.score.score.to_bits());
    let regions = found.map.regions(to_single_precision(model.header().map_threshold.unwrap()));
    assert_eq!(plain["regions"].as_array().unwrap().len(), regions.len());
    assert_eq!((&plain["width"], &plain["path"]), (&64.into(), &"a.png".into()));

    let full = localize(&trained, "?include=pictures,map", &image).json();
    for (picture, kind) in [("picture", "jpeg"), ("layer", "png"), ("map", "png")] {
        let address = full[picture].as_str().unwrap();
        assert!(address.starts_with(&format!("data:image/{kind};base64,")), "{picture}");
    }
    let document = get(trained.server.address(), "/openapi.json").json();
    assert!(keys(&full).into_iter().eq(&described(&document, "Map")), "{document}");
    for region in full["regions"].as_array().unwrap() {
        assert!(keys(region).into_iter().eq(&described(&document, "Region")));
    }
    let bad = localize(&trained, "?include=everything", &image);
    assert_eq!((bad.status, bad.error().contains("everything")), (400, true));
    let bad = localize(&trained, "", b"no image");
    assert_eq!(bad.status, 415);
    trained.server.stopper().stop();
    trained.server.wait().unwrap();
}
