//! Determines the AWS API call of a request in any protocol.

use super::http::Message;

/// A received API call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The service, as in the signature of requests: `cloudformation`, `s3`, …
    pub(crate) service: String,
    /// The operation, as the API reference of the service names it: `CreateChangeSet`,
    /// `GetBucketPolicy`.
    pub(crate) action: String,
    /// The region in the signature of the request.
    pub(crate) region: String,
    /// The access key ID in the signature. In the emulator, it is the account.
    pub(crate) access_key_id: String,
    /// The parameters of the request: form fields by name, or `body` and `path`.
    pub(crate) parameters: Vec<(String, String)>,
}

/// The format of a service's requests and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A form with `Action`, and a response in XML (CloudFormation, STS, IAM).
    Query,
    /// `X-Amz-Target` and JSON (CodePipeline, KMS, Organizations).
    Json,
    /// Methods, paths, and XML.
    S3,
}

impl Call {
    /// Reads a request.
    pub(crate) fn of(request: &Message) -> (Self, Protocol) {
        let authorization = request.header("authorization").unwrap_or_default();
        let scope: Vec<&str> = authorization
            .split_once("Credential=")
            .map_or("", |(_, rest)| rest.split(',').next().unwrap_or_default())
            .split('/')
            .collect();
        let of_scope = |index: usize| (*scope.get(index).unwrap_or(&"")).to_owned();
        let mut call = Self {
            service: of_scope(3),
            action: String::new(),
            region: of_scope(2),
            access_key_id: of_scope(0),
            parameters: Vec::new(),
        };
        let (path, query) = request
            .word(1)
            .split_once('?')
            .unwrap_or((request.word(1), ""));
        if let Some(target) = request.header("x-amz-target") {
            call.action = target.rsplit('.').next().unwrap_or_default().to_owned();
            call.parameters = vec![("body".to_owned(), request.text())];
            return (call, Protocol::Json);
        }
        let form = fields(&request.text());
        if let Some((_, action)) = form.iter().find(|(name, _)| name == "Action") {
            call.action = action.clone();
            call.parameters = form;
            return (call, Protocol::Query);
        }
        call.action = s3_action(request.word(0), path, query);
        call.parameters = vec![
            ("path".to_owned(), path.to_owned()),
            ("query".to_owned(), query.to_owned()),
            ("body".to_owned(), request.text()),
        ];
        (call, Protocol::S3)
    }

    /// Returns the value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the IAM name, `service:Action`.
    pub(crate) fn iam_name(&self) -> String {
        // HeadObject has no separate action (Amazon S3 API reference). A request for a version
        // requires a different action.
        let query = self.parameter("query").unwrap_or_default();
        let action = match self.action.as_str() {
            "HeadObject" if query.contains("versionId=") => "GetObjectVersion",
            "HeadObject" => "GetObject",
            action => action,
        };
        format!("{}:{action}", self.service)
    }
}

fn fields(form: &str) -> Vec<(String, String)> {
    form.split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut result = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = bytes
            .get(index + 1..index + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[index], hex) {
            (b'%', Some(byte)) => {
                result.push(byte);
                index += 2;
            }
            (b'+', _) => result.push(b' '),
            (byte, _) => result.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&result).into_owned()
}

/// Returns the operation of S3 for a method, a path of a certain depth, and a subresource.
fn s3_action(method: &str, path: &str, query: &str) -> String {
    let of_object = path.trim_matches('/').contains('/');
    let subresource = query
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .find_map(|name| match name {
            "policy" => Some("BucketPolicy"),
            "versioning" => Some("BucketVersioning"),
            "location" => Some("BucketLocation"),
            "acl" => Some("BucketAcl"),
            "encryption" => Some("BucketEncryption"),
            "notification" => Some("BucketNotificationConfiguration"),
            "ownershipControls" => Some("BucketOwnershipControls"),
            "publicAccessBlock" => Some("PublicAccessBlock"),
            _ => None,
        });
    let has = |wanted: &str| {
        let mut names = query.split('&').map(|pair| pair.split('=').next());
        names.any(|name| name == Some(wanted))
    };
    match method {
        "GET" if has("uploads") => return "ListMultipartUploads".to_owned(),
        "POST" if has("uploads") => return "CreateMultipartUpload".to_owned(),
        "PUT" if has("uploadId") => return "UploadPart".to_owned(),
        "POST" if has("uploadId") => return "CompleteMultipartUpload".to_owned(),
        "DELETE" if has("uploadId") => return "AbortMultipartUpload".to_owned(),
        _ => {}
    }
    let verb = match method {
        "GET" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        "HEAD" => "Head",
        _ => return format!("{method} {path}?{query}"),
    };
    match (subresource, of_object, method) {
        (Some(what), ..) => format!("{verb}{what}"),
        (None, true, _) => format!("{verb}Object"),
        (None, false, "HEAD") => "HeadBucket".to_owned(),
        (None, false, "GET") if path == "/" => "ListBuckets".to_owned(),
        (None, false, "GET") => "ListObjectsV2".to_owned(),
        (None, false, "PUT") => "CreateBucket".to_owned(),
        (None, false, _) => format!("{verb}Bucket"),
    }
}
