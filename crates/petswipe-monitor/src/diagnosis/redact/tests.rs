//! What is taken out, what is left, and that no secret in any of the known shapes gets through.

use proptest::prelude::*;

use super::*;

#[test]
fn secrets_are_taken_out_and_the_rest_is_left() {
    for (text, shown) in [
        ("postgres://shop:hunter2@db/pets", "postgres://shop:***@db/pets"),
        ("http://0123456789abcdef@127.0.0.1:80/x", "http://***@127.0.0.1:80/x"),
        ("amqp://u:p@ss:w@h/ x", "amqp://u:***@h/ x"),
        ("mysql://u:pa/ss@h/pets failed", "mysql://u:***@h/pets failed"),
        (r"http:\/\/u:p@h\/x", r"http:\/\/u:***@h\/x"),
        ("shop:hunter2@tcp(db:3306)/pets", "shop:***@tcp(db:3306)/pets"),
        ("jdbc:oracle:thin:shop/hunter2@db", "jdbc:oracle:thin:shop/***@db"),
        ("curl -u shop:hunter2 http://h", "curl -u shop:*** http://h"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=Basic ***"),
        ("Authorization: hunter2abc Host: h", "Authorization: *** Host: h"),
        ("Authorization: Custom hunter2 Host: h", "Authorization: *** Host: h"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/1, SignedHeaders=host, Signature=fe5f80 Host: h",
            "Authorization: AWS4-HMAC-SHA256 *** Host: h",
        ),
        // One word is a value, whatever it is, and so is a sentence that begins as none of an error does.
        ("loading credentials: failed", "loading credentials: ***"),
        ("password: failed 2fast", "password: *** 2fast"),
        ("password: Failed to", "password: *** to"),
        ("credentials:failed to load", "credentials:*** to load"),
        ("password=failed to load", "password=*** to load"),
        ("credentials: hunter2 is wrong", "credentials: *** is wrong"),
        ("password: correct horse battery", "password: *** horse battery"),
        ("password: \"failed to\"", "password: ***"),
        ("{\"token\": failed to}", "{\"token\": *** to}"),
        ("credentials: failed to read token: abc", "credentials: failed to read token: ***"),
        ("credentials: no such key AKIAIOSFODNN7EXAMPLE", "credentials: no such key ***"),
        ("password: the quick brown fox", "password: *** quick brown fox"),
        ("password: no more secrets", "password: *** more secrets"),
        ("password: is this love", "password: *** this love"),
        ("secret: invalid hearts club", "secret: *** hearts club"),
        (r#"{"password":"x y","name":"z"}"#, r#"{"password":***,"name":"z"}"#),
        (r#"{"password":"x\"y, z","name":"z"}"#, r#"{"password":***,"name":"z"}"#),
        (
            r#"{"m":"{\"password\":\"x\\\"y\",\"name\":\"z\"}"}"#,
            r#"{"m":"{\"password\":***,\"name\":\"z\"}"}"#,
        ),
        (r#"{"tokens":["a b","c"],"name":"z"}"#, r#"{"tokens":***,"name":"z"}"#),
        (r#"password = Some("x y"), name = 1"#, "password = ***, name = 1"),
        ("<password>x y</password><a>b</a>", "<password>***</password><a>b</a>"),
        ("DB_PASSWORD=x; DB_NAME=pets", "DB_PASSWORD=***; DB_NAME=pets"),
        ("DB_PASS=x,y;z DB_NAME=pets", "DB_PASS=*** DB_NAME=pets"),
        ("ENCRYPTION_KEY=abc, region=x", "ENCRYPTION_KEY=***, region=x"),
        (r"env: A=b\nDB_PASS=x C=d", r"env: A=b\nDB_PASS=*** C=d"),
        ("secret: 'a b' ok", "secret: *** ok"),
        ("--password hunter2 --host h", "--password *** --host h"),
        ("Cookie: a=1; session=xyz; theme=dark Host: h", "Cookie: *** Host: h"),
        ("-H 'Cookie: a=1; b=2' h", "-H 'Cookie: ***' h"),
        ("?next=%2Fa%3Ftoken%3Dabc&x=1", "?next=%2Fa%3Ftoken%3D***&x=1"),
        ("aws_secret_access_key = wJalr/x+y", "aws_secret_access_key = ***"),
        ("got wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY from", "got *** from"),
        ("hook xoxb-123456789012-abc end", "hook *** end"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
        ("line MIIEpAIBAAKCAQEAn1X5xkMIIEpAIBAAKCAQEAn1X5xkMIIEpAIBAAKCAQEAn1X5xk", "line ***"),
        ("jwt eyJhbGciOi.eyJzdWIi.c2ln end", "jwt *** end"),
        ("-----BEGIN RSA PRIVATE KEY----- MIIE", "***"),
        ("a -----BEGIN PRIVATE KEY----- MIIE -----END PRIVATE KEY----- b", "a *** b"),
        ("?X-Amz-Signature=abc&x=1", "?X-Amz-Signature=***&x=1"),
        ("login \u{1b}[32mpassword\u{1b}[0m=x", "login password=***"),
        ("a \u{1b}[31mred\u{7}", "a red"),
        (
            "STATEMENT:  insert into users (mail, pw) values ('a@b', E'it\\'s') returning id",
            "STATEMENT:  insert into users (mail, pw) values (***, E***) returning id",
        ),
        ("DETAIL:  parameters: $1 = 'a b', $2 = '4'", "DETAIL:  parameters: $1 = ***, $2 = ***"),
        ("ALTER ROLE shop PASSWORD 'x y' LOGIN", "ALTER ROLE shop PASSWORD *** LOGIN"),
    ] {
        assert_eq!(Redacted::line(text).as_str(), shown, "{text}");
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(serde_json::from_str::<Redacted>(&json).unwrap().as_str(), shown);
        assert_eq!(Redacted::line(shown).as_str(), shown, "once more changes nothing");
    }
    assert_eq!(Redacted::line("ä".repeat(600)).as_str().chars().count(), 501);
    let long = format!("{} password={}", "x ".repeat(3990), "y".repeat(900));
    assert!(!Redacted::line(long).as_str().contains('y'));
}

#[test]
fn ordinary_lines_stay_as_they_are() {
    for line in [
        "(task 0123456789abcdef0123456789abcdef) stopped",
        "GET /api/pets 500 in 20ms",
        "2026-05-04T12:00:00.123Z ERROR GET /pets/17?page=2&sort=name 500",
        "http://petswipe:8080/users/a@b.c answered 500",
        "ERROR: duplicate key value violates unique constraint \"pets_pkey\"",
        "DETAIL:  Key (id)=(17) already exists.",
        "password authentication failed for user \"shop\"",
        "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to \
         retrieve secret from asm: arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf not found",
        "CannotPullContainerError: pull access denied for shop, repository does not exist or may require authorization",
        "an error occurred while loading credentials: failed to read the shared config file",
        "an error occurred while loading credentials: the credential provider was not enabled: no providers in chain provided \
         credentials",
        "failed to load IMDS session token: dispatch failure: io error",
        "failed to load IMDS session token: service error: request forbidden",
        "invalid token: expired at noon",
        "password: must not be empty",
        "secrets: could not be decrypted: permission denied",
        "Basic authentication is off, bearer authentication required",
        "cache_key=pets/17 partition_key=4 primary_key=9 token_type=jwt has_token=true password=null",
        "commit 0f5b1a2c3d4e5f60718293a4b5c6d7e8f9012345 deployed",
        "panicked at src/main.rs:17:5: index out of bounds: the len is 3 but the index is 9",
        "java.lang.IllegalStateException: no session at com.shop.Pets.find(Pets.java:42)",
        "{\"level\":\"error\",\"status\":500,\"path\":\"/pets\",\"took\":12.5}",
        "(service shop-green) (deployment ecs-svc/1) deployment failed: tasks failed to start.",
        "Health checks failed with these codes: [502]",
        "it's slow, the client's connection was refused",
    ] {
        assert_eq!(Redacted::line(line).as_str(), line);
    }
}

#[test]
fn queries_lose_their_values() {
    for (text, shown) in [
        ("select 1", "select ?"),
        ("select t1.a from t1 where b=$1", "select t1.a from t1 where b=$1"),
        ("insert into u values ('it''s', E'\\'x', 1.5e3)", "insert into u values (?, E?, ?)"),
        ("select $$a 'b'$$, $x$c$x$ from t", "select ?, ? from t"),
        ("select $a$ $b$ x $a$ from t", "select ? from t"),
        ("select /* user 42 */ x -- secret\n from t", "select x from t"),
        ("select /* a /* b */ secret */ x from t", "select x from t"),
        ("select /* a /* b */ 'x' from t", "select ?"),
        ("select 4111_1111_1111_1111, 0xFF_FF from t", "select ?, ? from t"),
        // With and without an escape: what is a value in either reading is one.
        ("select 'a\\' , 'b' from t", "select ?"),
        ("update t set x = 'never ends", "update t set x = ?"),
        ("select $tag$ never ends", "select ?"),
        ("select \"Col 1\" from t", "select \"Col 1\" from t"),
        ("select \"it's\" from t where x = 'y'", "select \"it's\" from t where x = ?"),
        ("", ""),
    ] {
        assert_eq!(Redacted::query(text).as_str(), shown, "{text}");
        assert_eq!(Redacted::line(shown).as_str(), shown, "a diagnosis that is read back");
    }
}

#[test]
fn lines_of_one_kind_have_one_pattern() {
    let pattern = |text: &str| Redacted::line(text).pattern();
    assert_eq!(
        pattern("2026-05-04T12:00:00.123Z ERROR GET /pets/17 500"),
        pattern("2026-05-04T12:01:09.9Z ERROR GET /pets/4711 500")
    );
    assert_eq!(pattern("ERROR task 0123456789abcdef0123 died"), "ERROR task # died");
    assert_ne!(pattern("ERROR a"), pattern("ERROR b"));
}

/// A text as a value of JSON, which is a text in a value of JSON, and so on.
fn nested(key: &str, secret: &str, levels: usize) -> String {
    let mut text = serde_json::json!({"at": 1, key: secret, "of": "shop"}).to_string();
    for _ in 1..levels {
        text = serde_json::json!({"message": text, "level": "error"}).to_string();
    }
    text
}

/// So many are there in lines, and in queries.
const SHAPES: usize = 24;
const QUERIES: usize = 9;

/// What a secret may be in a line. `core` is what must not be seen, `glue` is anything else in it.
fn in_line(shape: usize, core: &str, glue: &str) -> String {
    let only = |allowed: &str| {
        let glue: String = glue.chars().filter(|c| allowed.contains(*c)).collect();
        format!("{core}{glue}{core}")
    };
    let any = format!("{core}{glue}{core}");
    let bare = only("!#$%*+./^_~,;&)}]({[\"'\\:=|@-");
    let unquoted = only("!#$%*+./^_~,;&)}]({[:=|@- ");
    match shape {
        0..6 => {
            nested(["password", "ENCRYPTION_KEY", "clientSecret"][shape % 3], &any, 1 + shape / 2)
        }
        6 => format!("DB_PASS={bare} x=1"),
        7 => format!("ENCRYPTION_KEY={bare}"),
        8 => format!("api-key: {bare}, done"),
        9 => format!("conn host=db password='{}' user=x", unquoted),
        10 => format!("{{'token': '{}', 'a': 'b'}}", unquoted),
        11 => format!("<db:password>{}</db:password>", only("!#$% *+./;&\"'")),
        12 => format!("tool --password {bare} --host h"),
        13 => format!("postgres://shop:{}@db:5432/pets", only("!#$%*+./^_~,;&:=|@-?'\\")),
        14 => format!("https://{}@h/x", only("!$*+_~-")),
        15 => format!("https://me:{}@h/x?a=b@c", only("!$*+/_~-")),
        16 => format!("Cookie: theme=dark; sid={}; lang=de", only("!#$%*+./^_~&:=|@-")),
        17 => format!("Authorization: Bearer {}", only("._~+/=-")),
        18 => format!("Authorization: Digest username=\"x\", response=\"{}\"", only("._~+/")),
        19 => format!("authorization: Basic {}", only("+/=")),
        20 => format!("failed: update u set pw = '{}' where id = 1", unquoted.replace('\'', "''")),
        21 => {
            format!("alter role x password E'{}'", any.replace('\\', "\\\\").replace('\'', "\\'"))
        }
        22 => format!("secret=[\"a\", \"{}\"]", only("!#$%*+./ ,;&)}]({[:")),
        23 => format!("login\\nsession_token={bare}"),
        _ => unreachable!(),
    }
}

/// The same in a query.
fn in_query(shape: usize, core: &str, glue: &str) -> String {
    let any = format!("{core}{glue}{core}");
    let plain = any.replace('\'', "''");
    let escaped = any.replace('\\', "\\\\").replace('\'', "\\'");
    match shape {
        0 => format!("select a from t where b = '{plain}' and c = 'd'"),
        1 => format!("select a from t where b = E'{escaped}' and c = 'd'"),
        // MySQL
        2 => format!("select a from t where b = '{escaped}' and c = 'd'"),
        3 => format!("select a from t where p = 'C:\\' and b = '{plain}' and c = 'd'"),
        4 => format!("select a from t where p = 'it\\'s' and b = '{escaped}'"),
        5 => format!("select $x${any}$x$ from t"),
        6 => format!("select a /* /* */ {} */ from t", any.replace("*/", "").replace("/*", "")),
        7 => format!("select a -- {any}\n from t where b = 'x'"),
        8 => format!("insert into t values (1, '{plain}"),
        _ => unreachable!(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_secret_in_any_known_shape_never_appears(
        core in "[a-z]{3}[A-Z]{3}[0-9]{3}[a-z]{3}",
        glue in "[!#$%*+./^_~,;&)}\\]({\\[\"'\\\\:=|@? -]{0,4}",
        before in "[a-z]{0,6}( it's|: \"a\":| \\{x=1,|,)? ",
        after in "( it's| \"b\"| x=1\\})?[ a-z]{0,9}",
    ) {
        for shape in 0..SHAPES {
            let text = format!("{before}{}{after}", in_line(shape, &core, &glue));
            let line = Redacted::line(&text);
            prop_assert!(!line.as_str().contains(&core), "{shape}: {text}\n{line}");
            let text = in_query(shape % QUERIES, &core, &glue);
            let query = Redacted::query(&text);
            prop_assert!(!query.as_str().contains(&core), "{text}\n{query}");
        }
    }

    #[test]
    fn nothing_panics(any in ".{0,80}", bytes in "[\"'\\\\$/*{}(),;=: aeE1é-]{0,60}") {
        for text in [any, bytes] {
            let _ = (Redacted::query(&text), Redacted::line(&text).pattern());
            let _ = Redacted::line(format!("password={text}"));
        }
    }
}
