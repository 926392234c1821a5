//! A fresh MongoDB database for one test.

use mongodb::Database;
use stores::mongo::{MongoConfig, connect};

use crate::setting;

/// A database of its own name on the test server. It is left behind: the server is the test run's own.
pub async fn mongo() -> Database {
    let mut url = url::Url::parse(&setting("SYNTERA_TEST_MONGODB_URL")).expect("a URL");
    url.set_path(&format!("test_{}", ids::EventId::new().as_uuid().simple()));
    let config = MongoConfig {
        mongodb_url: String::from(url).into(),
    };
    connect(&config, "test")
        .await
        .expect("MongoDB can be addressed")
}
