//! PEM made with openssl; the expected `kid` by `openssl dgst` over its DER.

use super::{PemError, from_pem, samples::set};

const RSA: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAh6yekRkFmnpqrM7Oys1/
OLiBpyEDsVH6vP78E1/t443gwTJ+S0J0xMzsK8AgJBTP4vZPxIX21AE45KQnJrbk
tyRfLOOcwltlQPdY2OoDr/LquPKQ7G0pkt0nMrxtXxw+uifzXWj4PgoCmylK5yyr
i/IJ43nS+OdpUGuiHuvlYmWqiccCqcHpil57CuWFV2ACnA+I6A143d+ML5JARh1i
rQLqHsDU0/6aizNgyMag6dIYQt3u8ujtEvNGyNGunO93nZJ6iE98ZIlklgtGZF2P
6YZW6ZP9MupdodDWtg2WyDVHPBV9pL8jH5ezogDLOhvCQ3WjEHlinKt3RYIOso66
2QIDAQAB
-----END PUBLIC KEY-----\
";
const P256: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVmVapB5BHvd8ZV2ssHrrWAKEle3m
W73PEI1eatwUiaKrQeEDNDGMdJH522ky5lNCumq5u0LsycGq+LMxQ+iNgA==
-----END PUBLIC KEY-----\
";
const P384: &str = "\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE0xa+KmGXkeJN0Yjvjsd7z5uT/Xhy/0cQ
GqYC9zbBXlhYmfn6hInk+Ks/oc+rHh/saa6tMLnu73mq1vsjVgs8jvp4RhtdlmvR
cQ1F/25OyTiavrb1CgCsYS8x8KAmt4zY
-----END PUBLIC KEY-----\
";
const P521: &str = "\
-----BEGIN PUBLIC KEY-----
MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAAVLTnZkQ95TR4JHthn84xULWbNQU
zi8NZmhR5Cwh4MdaeNVGJBlqG0wTUagbOM8Ljry2LJCmq4zqhxD96uXWoGwBZk+b
+MM2CFzqu9gYwfwqC+HB+vS8pM9yHsL2kD3z061uQKO1aIKEyMuG5QlUCTWtn5hn
WKRcXJU1+LW9/bwJh+w=
-----END PUBLIC KEY-----\
";
const ED25519: &str = "\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA2XTdjCgx4k9hVlT1FPbiVGj6Ua41v/ZUkLF2nB3X+r4=
-----END PUBLIC KEY-----\
";
const SECP256K1: &str = "\
-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEdHfg9yg4fNf+S4cr8t9hGrJhQaxUtPg5
X3JB7p04CVYOBeNAampI5CHn6P5wUUcwLSspZqYGSeiCFgv3kvvKDg==
-----END PUBLIC KEY-----\
";
const RSA_768: &str = "\
-----BEGIN PUBLIC KEY-----
MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAMVRvxAQAJMzcDdnbARQYvo3ga84n9GJ
5QGH7XIi8fvua8JFo02yA946wf1C8yIpnMq5l33Xk4BFu65wo6uIzOHItwz3H5k1
kktQQ9WSLH1SCVT2nS++bL9omlrThI9noQIDAQAB
-----END PUBLIC KEY-----\
";
const PKCS1: &str = "\
-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAh6yekRkFmnpqrM7Oys1/OLiBpyEDsVH6vP78E1/t443gwTJ+S0J0
xMzsK8AgJBTP4vZPxIX21AE45KQnJrbktyRfLOOcwltlQPdY2OoDr/LquPKQ7G0p
kt0nMrxtXxw+uifzXWj4PgoCmylK5yyri/IJ43nS+OdpUGuiHuvlYmWqiccCqcHp
il57CuWFV2ACnA+I6A143d+ML5JARh1irQLqHsDU0/6aizNgyMag6dIYQt3u8ujt
EvNGyNGunO93nZJ6iE98ZIlklgtGZF2P6YZW6ZP9MupdodDWtg2WyDVHPBV9pL8j
H5ezogDLOhvCQ3WjEHlinKt3RYIOso662QIDAQAB
-----END RSA PUBLIC KEY-----\
";
const COMPRESSED: &str = "\
-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACVmVapB5BHvd8ZV2ssHrrWAKEle3m
W73PEI1eatwUiaI=
-----END PUBLIC KEY-----\
";

#[test]
fn a_public_key_gets_the_kid_that_kubernetes_gives_it() {
    for (pem, kid, alg) in [
        (RSA, "qdwT3b2AspnxDb0XVuux6wAKAIlt4f54qu8y4rlBQUM", "RS256"),
        (P256, "mSq7REaIQYioRJyaaDyMQUmmRbYi3Yqunk6XLoSiSUE", "ES256"),
        (P384, "z5-St74nd2i8CMW0N59JcAwN0sfUTIsFddsG8DQm3ko", "ES384"),
        (P521, "yPlRnsftgZF4ZcmVTOzzDgFPLwVHop23huYx2NO_8T8", "ES512"),
    ] {
        let key = from_pem(pem).unwrap();
        assert_eq!((key.kid(), key.alg()), (kid, alg));
        assert_eq!(set(&[key.to_jwk()]).keys(), [key], "as it will be served");
        assert!(from_pem(&format!("\n  {pem}\n\n")).is_ok(), "white space around it");
        assert!(from_pem(&pem.replace('\n', "\r\n")).is_ok(), "line breaks of Windows");
    }
}

#[test]
fn what_is_no_public_key_is_refused_with_what_to_do_and_without_its_content() {
    let private = RSA.replace("PUBLIC", "PRIVATE");
    assert_eq!(from_pem(&private).unwrap_err(), PemError::Private);
    assert_eq!(
        from_pem(&format!("{RSA}\n{private}")).unwrap_err(),
        PemError::Private,
        "behind a public one"
    );
    assert_eq!(
        from_pem(PKCS1).unwrap_err(),
        PemError::Label("RSA PUBLIC KEY".to_owned())
    );
    let two = format!("{RSA}\n{P256}");
    for text in ["", "ssh-rsa AAAA", &RSA[1..], &RSA[..RSA.len() - 1], &two] {
        assert_eq!(from_pem(text).unwrap_err(), PemError::NotPem, "{text}");
    }
    for kind in [ED25519, SECP256K1] {
        assert_eq!(from_pem(kind).unwrap_err(), PemError::Unsupported, "{kind}");
    }
    let off_the_curve = P256.replace("+iNgA==", "+iNgQ==");
    let cut = RSA.replace("2QIDAQAB", "2QIDAQA=");
    for broken in [RSA_768, COMPRESSED, &off_the_curve, &cut] {
        let refused = from_pem(broken).unwrap_err();
        assert!(matches!(refused, PemError::Malformed(_)), "{broken} {refused}");
        assert!(
            !refused.to_string().contains("MII") && !refused.to_string().contains("MFkw"),
            "{refused}"
        );
    }
}
