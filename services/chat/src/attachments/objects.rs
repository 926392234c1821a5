//! Where files of messages are kept: a folder, or a bucket of S3 or of what speaks like it.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, ensure};
use object_store::{
    ObjectStore, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem, path::Path,
    prefix::PrefixStore,
};
use url::Url;

use crate::config::AttachmentsConfig;

/// A bucket that does not answer is asked again for so long: somebody waits for it.
const RETRY_FOR: Duration = Duration::from_secs(5);

/// The store that the settings name; none when they name none.
///
/// # Errors
/// When the address is of no kind that is known, or the folder cannot be made.
pub fn open(config: &AttachmentsConfig) -> anyhow::Result<Option<Arc<dyn ObjectStore>>> {
    let Some(url) = &config.attachments_url else {
        return Ok(None);
    };
    let store = match url.scheme() {
        "file" => folder(url),
        "s3" => bucket(AmazonS3Builder::from_env(), url),
        _ => Err(anyhow!("it begins with file:/// or s3://")),
    };
    let store = store.context("SYNTERA_ATTACHMENTS_URL cannot be used")?;
    Ok(Some(store))
}

/// A folder of this machine, which nobody else may look into.
fn folder(url: &Url) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let path: PathBuf = url
        .to_file_path()
        .ok()
        .context("a folder of this machine is file:///path")?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    // What was acknowledged survives a power cut, as it does in a bucket.
    let store = LocalFileSystem::new_with_prefix(&path)?.with_fsync(true);
    Ok(Arc::new(store))
}

/// A bucket, and the part of it that is ours.
fn bucket(builder: AmazonS3Builder, url: &Url) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let name = url.host_str().unwrap_or_default();
    ensure!(!name.is_empty(), "a bucket is s3://bucket/prefix");
    let retry = RetryConfig {
        max_retries: 2,
        retry_timeout: RETRY_FOR,
        ..RetryConfig::default()
    };
    let store = builder.with_bucket_name(name).with_retry(retry).build()?;
    let prefix = Path::from_url_path(url.path())?;
    Ok(Arc::new(PrefixStore::new(store, prefix)))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        os::unix::fs::PermissionsExt,
        sync::{Mutex, PoisonError},
    };

    use axum::{
        Router,
        body::Bytes,
        http::{Method, StatusCode, Uri, header},
        response::IntoResponse,
    };
    use object_store::{ObjectStoreExt, PutPayload};

    use super::*;

    fn config(url: &str) -> AttachmentsConfig {
        AttachmentsConfig {
            attachments_url: Some(Url::parse(url).unwrap()),
        }
    }

    async fn read(store: &dyn ObjectStore, path: &str) -> Bytes {
        let found = store.get(&Path::from(path)).await.unwrap();
        found.bytes().await.unwrap()
    }

    #[test]
    fn without_a_setting_there_is_none() {
        let config = AttachmentsConfig {
            attachments_url: None,
        };
        assert!(open(&config).unwrap().is_none());
    }

    #[test]
    fn an_address_of_another_kind_is_refused_by_the_name_of_the_setting() {
        for url in ["https://files.example/", "memory:///", "file://host/path"] {
            let error = format!("{:#}", open(&config(url)).unwrap_err());
            assert!(error.contains("SYNTERA_ATTACHMENTS_URL"), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn a_folder_is_made_and_is_private() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a folder/attachments");
        let url = Url::from_directory_path(&path).unwrap();
        let store = open(&config(url.as_str())).unwrap().unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        store
            .put(&Path::from("one/two"), PutPayload::from_static(b"text"))
            .await
            .unwrap();
        assert_eq!(read(store.as_ref(), "one/two").await, "text");
        assert_eq!(std::fs::read(path.join("one/two")).unwrap(), b"text");
        // The next start finds it.
        let again = open(&config(url.as_str())).unwrap().unwrap();
        assert_eq!(read(again.as_ref(), "one/two").await, "text");
    }

    /// What speaks like S3, as far as one object is put and got.
    async fn s3(kept: Arc<Mutex<HashMap<String, Bytes>>>) -> String {
        let answer = move |method: Method, uri: Uri, body: Bytes| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let head = [
                (header::ETAG, "\"1\""),
                (header::LAST_MODIFIED, "Mon, 23 Nov 2026 10:00:00 GMT"),
            ];
            if method == Method::PUT {
                kept.insert(uri.path().to_owned(), body);
            }
            let answer = match kept.get(uri.path()) {
                Some(found) => (head, found.clone()).into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            };
            async move { answer }
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn objects_lie_under_the_prefix_in_the_bucket() {
        let kept = Arc::<Mutex<HashMap<String, Bytes>>>::default();
        let builder = AmazonS3Builder::new()
            .with_endpoint(s3(Arc::clone(&kept)).await)
            .with_allow_http(true)
            .with_access_key_id("test")
            .with_secret_access_key("test");
        let url = Url::parse("s3://files/of/chat").unwrap();
        let store = bucket(builder, &url).unwrap();
        store
            .put(&Path::from("one/two"), PutPayload::from_static(b"text"))
            .await
            .unwrap();
        let names: Vec<String> = kept.lock().unwrap().keys().cloned().collect();
        assert_eq!(names, ["/files/of/chat/one/two"]);
        assert_eq!(read(store.as_ref(), "one/two").await, "text");
        let missing = store.get(&Path::from("three")).await.unwrap_err();
        assert!(matches!(missing, object_store::Error::NotFound { .. }));
    }
}
