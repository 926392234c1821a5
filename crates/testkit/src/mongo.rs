//! A fresh MongoDB database for one test.

use mongodb::Database;
use stores::mongo::{MongoConfig, connect};
use url::Url;

use crate::setting;

/// A database of its own name on the test server. It is left behind: the server is the test run's own.
pub async fn mongo() -> Database {
    mongo_at(mongo_url()).await
}

/// The URL of a database of its own name, for what dials by itself or through a proxy.
#[must_use]
pub fn mongo_url() -> Url {
    let mut url = Url::parse(&setting("SYNTERA_TEST_MONGODB_URL")).expect("a URL");
    url.set_path(&format!("test_{}", ids::EventId::new().as_uuid().simple()));
    url
}

/// The database at `url`.
pub async fn mongo_at(url: Url) -> Database {
    let config = MongoConfig {
        mongodb_url: String::from(url).into(),
    };
    connect(&config, "test")
        .await
        .expect("MongoDB can be addressed")
}
