//! Tests of the findings of `s3ferry push` about files before the upload: cases in which the S3
//! deploy action does something unexpected.

use serde_json::{Value, json};

use crate::cli_push::{Stage, result, run_python};
use crate::emulator::Accounts;
use crate::support::Project;

/// Runs Python code with `p`, the path of `z.zip` in the project, and `put`, which adds an entry.
fn make(project: &Project, body: &str) {
    let script = format!(
        "import stat, struct, sys, warnings, zipfile\n\
         warnings.simplefilter('ignore')\n\
         p = sys.argv[1]\n\
         def link(z, name, to):\n\
         \x20   i = zipfile.ZipInfo(name); i.create_system = 3\n\
         \x20   i.external_attr = (stat.S_IFLNK | 0o777) << 16; z.writestr(i, to)\n\
         def entries(*names):\n\
         \x20   with zipfile.ZipFile(p, 'w') as z: [z.writestr(n, '') for n in names]\n\
         def patched(change):\n\
         \x20   b = bytearray(open(p, 'rb').read()); change(b); open(p, 'wb').write(b)\n\
         {body}"
    );
    let path = project.path("z.zip").display().to_string();
    run_python(&["-c", &script, &path]);
}

/// Returns the code, severity, names, and count of each warning.
fn warnings(found: &Value) -> Vec<Value> {
    let warnings = found["warnings"].as_array().expect("warnings").iter();
    warnings
        .map(|warning| {
            let message = warning["message"].as_str().expect("a message");
            assert!(!message.is_empty() && !message.ends_with('.'), "{message}");
            json!([
                warning["code"],
                warning["severity"],
                warning["names"],
                warning["count"]
            ])
        })
        .collect()
}

#[test]
fn each_case_of_a_zip_file_is_reported_once_with_a_count_and_names() {
    let stage = Stage::new();
    make(
        &stage.project,
        "with zipfile.ZipFile(p, 'w') as z:\n\
         \x20   for n in ['about/index.html', 'a\\\\b.css', 'a\\\\c.css', '/x.css', './y.css', 'd//e.css',\n\
         \x20             'a/b.css', 'f.css', 'f.css', 'F.css', '__MACOSX/._g', '.DS_Store',\n\
         \x20             'h.pdf', 'LICENSE', 'app.mjs', 'i.htm', 'k.woff2', 'l.woff2', 'm.map',\n\
         \x20             'n.js', 'o.JS', 'empty/']:\n\
         \x20       z.writestr(n, '')\n\
         \x20   z.writestr('p.html', '<h1>\u{fc}</h1>'); z.writestr('q.html', '<meta charset=utf-8>\u{fc}')\n\
         \x20   z.writestr('r.txt', '\u{fc}'); z.writestr('s.json', '\"\u{fc}\"')\n\
         \x20   link(z, 't', 'q.html')",
    );
    let run = stage
        .project
        .expect("push z.zip --no-watch --format json", 0);
    let found = crate::schemas::conforms("push", &run.stdout);
    assert_eq!(
        warnings(&found),
        [
            json!(["no-index", "warning", [], 0]),
            json!(["backslash", "warning", ["a\\b.css", "a\\c.css"], 2]),
            json!(["leading-slash", "warning", ["/x.css"], 1]),
            json!(["unusual-path", "warning", ["./y.css", "d//e.css"], 2]),
            json!(["duplicate-name", "warning", ["a/b.css", "f.css"], 2]),
            json!(["symbolic-link", "warning", ["t"], 1]),
            json!(["desktop-file", "warning", ["__MACOSX/._g", ".DS_Store"], 2]),
            json!([
                "content-type",
                "warning",
                ["h.pdf", "LICENSE", "app.mjs"],
                4
            ]),
            json!(["charset", "warning", ["p.html", "r.txt"], 2]),
            json!(["case", "note", ["F.css"], 1]),
            json!(["octet-stream", "note", ["k.woff2", "l.woff2", "m.map"], 3]),
            json!(["javascript", "note", ["n.js", "o.JS"], 2]),
        ]
    );
    // A folder entry does not create an object.
    assert_eq!(found["source"]["files"], 26);
    assert_eq!(stage.versions().len(), 1);
    for part in [
        "warning[backslash]: the S3 deploy action replaces every `\\` with `/` in these names: \
         `a\\b.css`, `a\\c.css`",
        "warning[content-type]: the S3 deploy action does not recognize the type of `h.pdf`, \
         `LICENSE`, `app.mjs` and 1 more",
        "for 3 files (.woff2 2, .map 1)",
    ] {
        assert_eq!(
            run.stderr.matches(part).count(),
            1,
            "{part}: {}",
            run.stderr
        );
    }
    // With -q, none of the findings are printed.
    let run = stage.project.expect("push z.zip --no-watch -q", 0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_folder_is_checked_like_a_zip_file() {
    let stage = Stage::new();
    for name in [
        "index.html",
        "A.css",
        "a.css",
        "b\\c.css",
        "d/e.wasm",
        "f.ico",
    ] {
        stage.project.write(&format!("dist/{name}"), "");
    }
    stage.project.write("dist/g.html", "<h1>\u{fc}</h1>");
    let run = stage
        .project
        .expect("push dist --no-watch --format json", 0);
    let found = crate::schemas::conforms("push", &run.stdout);
    assert_eq!(
        warnings(&found),
        [
            json!(["backslash", "warning", ["b\\c.css"], 1]),
            json!(["content-type", "warning", ["d/e.wasm"], 1]),
            json!(["charset", "warning", ["g.html"], 1]),
            json!(["case", "note", ["a.css"], 1]),
            json!(["octet-stream", "note", ["f.ico"], 1]),
        ]
    );
    for name in ["dist/v\\..\\x.html", "dist/v1../x.html"] {
        stage.project.write(name, "");
        let run = stage.project.expect("push dist --no-watch", 2);
        let shown = name.trim_start_matches("dist/");
        let wanted = format!("`{shown}` contains `../`: the S3 deploy action uploads the files");
        assert!(run.stderr.contains(&wanted), "{}", run.stderr);
        std::fs::remove_file(stage.project.path(name)).expect("removed");
    }
    assert_eq!(stage.versions().len(), 1);
}

#[test]
fn strict_rejects_warnings_and_accepts_notes() {
    let stage = Stage::new();
    stage.project.write("site/LICENSE", "");
    stage.project.write("site/app.js", "");
    let run = stage
        .project
        .expect("push site --no-watch --strict --format json", 1);
    let found = crate::schemas::conforms("push", &run.stdout);
    assert_eq!(
        warnings(&found),
        [
            json!(["content-type", "warning", ["LICENSE"], 1]),
            json!(["javascript", "note", ["app.js"], 1]),
        ]
    );
    assert_eq!(found["source"]["versionId"], Value::Null);
    assert_eq!(found["source"]["uploaded"], false);
    let problem = &run.problems().pop().expect("an error");
    assert!(problem.message.contains("content-type"), "{problem:?}");
    assert!(
        problem.help.contains("`--allow content-type`"),
        "{problem:?}"
    );
    assert_eq!(stage.versions().len(), 0);
    assert_eq!(stage.pipeline.count("PutObject"), 0);
    let run = stage.project.expect(
        "push site --no-watch --strict --allow content-type --format json",
        0,
    );
    assert_eq!(
        warnings(&result(&run)),
        [json!(["javascript", "note", ["app.js"], 1])]
    );
    assert_eq!(stage.versions().len(), 1);
    let run = stage.project.expect("push site --allow something", 2);
    assert!(run.stderr.contains("single-folder"), "{}", run.stderr);
}

#[test]
fn a_site_in_one_folder_is_reported_with_its_location() {
    let accounts = Accounts::fresh();
    let project = Project::with(&accounts.config());
    let said = |body: &str| {
        make(&project, body);
        // Without a profile, push stops after the warnings.
        project.run("push z.zip").stderr
    };
    let below = "all files in `z.zip` are in `dist/`, so the site is deployed to s3://";
    let text = said("entries('dist/index.html', 'dist/b')");
    assert!(text.contains(below), "{text}");
    // Files that a desktop adds next to the folder have no effect. `\` also separates folders.
    let text = said("entries('dist/index.html', '__MACOSX/dist/._index.html', '.DS_Store')");
    assert!(text.contains(below), "{text}");
    let text = said("entries('dist\\\\index.html', 'dist\\\\b.css')");
    assert!(text.contains(below), "{text}");
    for body in [
        "entries('dist/index.html', 'index.html')",
        "entries('dist/a', 'other/b')",
        "entries('./index.html', './b.css')",
        "entries('/index.html', '/b.css')",
    ] {
        let text = said(body);
        assert!(!text.contains("single-folder"), "{body}: {text}");
        assert!(!text.contains("no-index"), "{body}: {text}");
    }
    let text = said("entries('start.html', 'b.css')");
    assert!(
        text.contains("no `index.html` at the top level of `z.zip`"),
        "{text}"
    );
    let config = format!("{}    path: site/v2\n", accounts.config());
    project.write("s3ferry.yaml", config);
    let text = said("entries('dist/index.html')");
    assert!(text.contains("/site/v2/dist/"), "{text}");
}

#[test]
fn archives_that_the_action_cannot_extract_are_rejected() {
    let project = Project::with(&Accounts::fresh().config());
    let flag = |bit: u8| {
        format!(
            "entries('a')\n\
             def change(b): b[6] |= {bit}; b[b.find(b'PK\\x01\\x02') + 8] |= {bit}\n\
             patched(change)"
        )
    };
    let size = |size: &str| {
        format!(
            "with zipfile.ZipFile(p, 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('a', 'x' * 5000000)\n\
             def change(b):\n\
             \x20   at = b.find(b'PK\\x01\\x02'); b[at + 24:at + 28] = struct.pack('<I', {size})\n\
             patched(change)"
        )
    };
    let many = "b = b''.join(struct.pack('<4sHHHHHHIIIHHHHHII', b'PK\\x01\\x02', 20, 20, 0, 0, 0, 0,\n\
                \x20   0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b'a' for i in range(300000))\n\
                e = struct.pack('<4sQHHIIQQQQ', b'PK\\x06\\x06', 44, 45, 45, 0, 0, 300000, 300000, len(b), 0)\n\
                l = struct.pack('<4sIQI', b'PK\\x06\\x07', 0, len(b), 1)\n\
                x = struct.pack('<4sHHHHIIH', b'PK\\x05\\x06', 0, 0, 65535, 65535, len(b), 0, 0)\n\
                open(p, 'wb').write(b + e + l + x)";
    let cases = [
        ("entries('a/../../b')", "`a/../../b` contains `../`"),
        ("entries('a\\\\..\\\\b')", "`a\\..\\b` contains `../`"),
        ("entries('a/..')", "`a/..` contains `../`"),
        ("entries('C:/a')", "`C:/a` is an absolute path"),
        ("entries('C:\\\\a')", "`C:\\a` is an absolute path"),
        ("entries()", "`z.zip` contains no files"),
        ("entries('folder/')", "`z.zip` contains no files"),
        (
            "with zipfile.ZipFile(p, 'w') as z: z.writestr('a', 'text' * 100)\n\
             patched(lambda b: b.__setitem__(60, b[60] ^ 1))",
            "`a` is damaged",
        ),
        (
            "entries('a'); b = open(p, 'rb').read()[:-30]; open(p, 'wb').write(b)",
            "CodePipeline would fail with \"The archive is malformed.\"",
        ),
        ("open(p, 'w').write('<html>')", "not a valid zip file"),
        ("open(p, 'w').write('')", "not a valid zip file"),
        (&flag(1), "`a` is encrypted"),
        (
            "with zipfile.ZipFile(p, 'w', zipfile.ZIP_BZIP2) as z: z.writestr('a', 'text')",
            "`a` is compressed with",
        ),
        // Most tools show only the last of several entries with the same name.
        (
            "entries('a', 'a')\n\
             def change(b): b[b.find(b'PK\\x01\\x02') + 8] |= 1\n\
             patched(change)",
            "`a` is encrypted",
        ),
        ("entries('.')", "`.` is not a valid file name"),
        ("entries('a', 'a/b/c')", "`a` is both a file and a folder"),
        (
            "entries('a/b/c', 'a\\\\b')",
            "`a/b` is both a file and a folder",
        ),
        ("entries('a/', 'a')", "`a` is both a file and a folder"),
        (
            "entries('aXb'); b = open(p, 'rb').read().replace(b'aXb', b'a\\xfcb'); open(p, 'wb').write(b)",
            "must be valid UTF-8, but the name of entry 1 is not",
        ),
        (
            "entries('a\\nb')",
            "`a\\u{a}b` cannot be deployed: it contains U+000A LINE FEED",
        ),
        ("entries('n' * 1025)", "its object key is 1025 bytes"),
        // The directory contains a wrong size. The contents are neither completely extracted nor
        // trusted.
        (&size("10"), "`a` is damaged"),
        (
            &size("6000000"),
            "it has 5000000 bytes, but the zip directory specifies 6000000",
        ),
        (many, "`z.zip` contains 300,000 files"),
    ];
    for (body, message) in cases {
        make(&project, body);
        let run = project.expect("push z.zip", 2);
        assert!(run.stderr.contains(message), "{body}: {}", run.stderr);
    }
}

#[test]
fn very_large_contents_are_not_extracted() {
    let project = Project::with(&Accounts::fresh().config());
    // According to the 64-bit field of the directory, a small entry has an extracted size of one
    // terabyte.
    make(
        &project,
        "with zipfile.ZipFile(p, 'w', zipfile.ZIP_DEFLATED) as z:\n\
         \x20   z.writestr('index.html', 'x'); z.writestr('zeros.css', 'x' * 5000)\n\
         def change(b):\n\
         \x20   at = b.rfind(b'PK\\x01\\x02'); end = b.find(b'PK\\x05\\x06')\n\
         \x20   b[at + 24:at + 28] = b'\\xff' * 4; b[at + 30:at + 32] = struct.pack('<H', 12)\n\
         \x20   extra = struct.pack('<HHQ', 1, 8, 1 << 40); b[end:end] = extra\n\
         \x20   size = struct.unpack('<I', b[end + 24:end + 28])[0] + 12; b[end + 24:end + 28] = struct.pack('<I', size)\n\
         patched(change)",
    );
    let run = project.run("push z.zip");
    assert!(
        run.stderr
            .contains("warning[unchecked]: the content of `zeros.css` was not checked"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_zip_file_that_is_not_extracted_is_not_checked() {
    let stage = Stage::new();
    let config = stage.project.read("s3ferry.yaml");
    let changed = format!("{config}    extract: false\n    object_key: a.zip\n");
    stage.project.write("s3ferry.yaml", changed);
    make(
        &stage.project,
        "entries('dist/../../a', 'dist/b\\\\c', 'dist/b\\\\c', 'dist/LICENSE')\n\
         patched(lambda b: (b.__setitem__(6, 1), b.__setitem__(b.find(b'PK\\x01\\x02') + 8, 1)))",
    );
    let run = stage
        .project
        .expect("push z.zip --no-watch --strict --format json", 0);
    assert_eq!(result(&run)["warnings"], json!([]));
    assert_eq!(result(&run)["source"]["files"], 4);
    stage.project.write("z.zip", "no zip file");
    let run = stage.project.expect("push z.zip --no-watch", 2);
    assert!(
        run.stderr.contains("is not a valid zip file"),
        "{}",
        run.stderr
    );
}

#[test]
fn names_cannot_hide_or_reorder_the_output() {
    let stage = Stage::new();
    make(
        &stage.project,
        "entries('index.html', 'a\u{202e}fdp.exe', 'b\u{200b}.bin', 'c\u{e9}.pdf', '\u{202e}x/LICENSE')",
    );
    let run = stage
        .project
        .expect("push z.zip --no-watch --format json", 0);
    for text in [&run.stderr, &run.stdout] {
        assert!(!text.contains(['\u{202e}', '\u{200b}']), "{text}");
    }
    assert!(
        run.stderr.contains("`c\u{e9}.pdf`, `\\u{202e}x/LICENSE`"),
        "{}",
        run.stderr
    );
    // The names in JSON are exact.
    let found = result(&run);
    let names: Vec<&Value> = (found["warnings"].as_array().expect("warnings").iter())
        .flat_map(|warning| warning["names"].as_array().expect("names"))
        .collect();
    assert_eq!(
        names,
        [
            "c\u{e9}.pdf",
            "\u{202e}x/LICENSE",
            "a\u{202e}fdp.exe",
            "b\u{200b}.bin"
        ]
    );
    make(&stage.project, "entries('\\x1b[2J../a')");
    let run = stage.project.expect("push z.zip --no-watch", 2);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
}

#[test]
fn the_book_lists_each_kind_with_its_severity() {
    let project = Project::with(&Accounts::fresh().config());
    let run = project.expect("push site --allow nothing", 2);
    let (_, kinds) = run.stderr.split_once("[possible values: ").expect("kinds");
    let (kinds, _) = kinds.split_once(']').expect("an end");
    let mut kinds: Vec<&str> = kinds.split(", ").collect();
    let page = include_str!("../../docs/src/guides/push.md");
    let mut listed: Vec<&str> = (page.split(" | ").skip(1))
        .filter_map(|cell| {
            let rest = ["warning `", "note `"]
                .iter()
                .find_map(|start| cell.strip_prefix(start))?;
            rest.split('`').next()
        })
        .collect();
    kinds.sort_unstable();
    listed.sort_unstable();
    assert_eq!(kinds, listed);
}
