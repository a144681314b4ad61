"""Access tokens: JWT RS256. Whatever is not exactly what the service signed is 401."""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from client import Api, Person, problem, sign_in, sign_up, uuid7


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token):
    head, claims, signature = token.split(".")
    return json.loads(unb64(head)), json.loads(unb64(claims)), unb64(signature)


def encode(head, claims) -> str:
    return ".".join(b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (head, claims))


def rs256(key, head, claims, algorithm=hashes.SHA256) -> str:
    signed = encode(head, claims)
    return f"{signed}.{b64(key.sign(signed.encode(), padding.PKCS1v15(), algorithm()))}"


def hs(secret: bytes, head, claims, digest=hashlib.sha256) -> str:
    signed = encode(head, claims)
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"


def public_key(address, kid):
    keys = Api(address).get("/.well-known/jwks.json", status=200).json()["keys"]
    found = [each for each in keys if each["kid"] == kid]
    assert len(found) == 1, keys
    numbers = [int.from_bytes(unb64(found[0][name]), "big") for name in ("e", "n")]
    return rsa.RSAPublicNumbers(*numbers).public_key(), found[0]


def is_refused(address, token):
    answer = Api(address).get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    problem(answer, 401)
    assert answer.header("WWW-Authenticate").startswith("Bearer")


def test_tokens_are_verifiable_with_the_published_keys(person):
    head, claims, signature = parts(person.token)
    assert head["alg"] == "RS256" and head["kid"]
    assert claims["exp"] - claims["iat"] == 3600 and abs(claims["iat"] - time.time()) < 3600
    assert claims["aud"] and claims["iss"] and claims["sub"]
    key, published = public_key(person.address, head["kid"])
    assert (published["kty"], published["alg"], published["use"]) == ("RSA", "RS256", "sig")
    assert key.key_size >= 2048 and set(published) == {"kty", "kid", "use", "alg", "n", "e"}
    key.verify(signature, person.token.rsplit(".", 1)[0].encode(), padding.PKCS1v15(), hashes.SHA256())
    assert person.email not in json.dumps(claims)


def test_forged_tokens(person):
    head, claims, _ = parts(person.token)
    public, _ = public_key(person.address, head["kid"])
    mine = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = mine.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": b64(numbers.n.to_bytes(256, "big")), "e": "AQAB", "kid": head["kid"], "alg": "RS256"}
    forged = [
        rs256(mine, head, claims), rs256(mine, {**head, "kid": "mine"}, claims),
        rs256(mine, {"alg": "RS256", "typ": "JWT"}, claims), rs256(mine, {**head, "jwk": jwk}, claims),
        rs256(mine, {**head, "jku": "http://127.0.0.1:1/jwks.json"}, claims),
        rs256(mine, {**head, "x5u": "http://127.0.0.1:1/x"}, claims), rs256(mine, {**head, "kid": None}, claims),
        rs256(mine, {**head, "kid": "../../../../dev/null"}, claims),
        rs256(mine, {**head, "kid": "' OR 1=1 --"}, claims), rs256(mine, {**head, "kid": ["a"]}, claims),
        rs256(mine, {**head, "alg": "RS512"}, claims, hashes.SHA512),
    ]
    for alg in ("none", "None", "NONE", "nOnE", "", None):
        forged += [encode({**head, "alg": alg}, claims) + ".", encode({**head, "alg": alg}, claims) + ".AA"]
    for form in (serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1):
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
            secret = public.public_bytes(encoding, form)
            forged += [hs(secret, {**head, "alg": "HS256"}, claims), hs(secret.rstrip(), {**head, "alg": "HS256"}, claims)]
    forged += [hs(b"", {**head, "alg": "HS256"}, claims), hs(b"", head, claims),
               hs(b"secret", {**head, "alg": "HS512"}, claims, hashlib.sha512)]
    curve = ec.generate_private_key(ec.SECP256R1())
    signed = encode({**head, "alg": "ES256"}, claims)
    forged.append(f"{signed}.{b64(curve.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))}")
    forged.append(f"{signed}.{b64(bytes(64))}")  # r = s = 0.
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signed = encode({**head, "alg": "PS256"}, claims)
    forged.append(f"{signed}.{b64(mine.sign(signed.encode(), pss, hashes.SHA256()))}")
    for token in forged:
        is_refused(person.address, token)


def test_tokens_that_were_touched(new_person):
    someone = new_person()
    token = someone.token
    head, claims, signature = token.split(".")
    other = sign_up(someone.address).token.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    flipped = bytearray(unb64(signature))
    flipped[17] ^= 1
    elder = {**json.loads(unb64(claims)), "exp": int(time.time()) + 10**6}
    touched = [
        "", ".", "..", "...", token + ".", "." + token, f"{head}.{claims}", f"{head}.{claims}.", f"{head}..{signature}",
        f"{token}.{signature}", token + "=", token + "==", token[:-1], token[:-4], token + "A", token + "AAAA",
        f"{head}.{other[1]}.{signature}", f"{head}.{claims}.{other[2]}", f"{claims}.{head}.{signature}",
        f"{head}.{claims}.{b64(bytes(flipped))}", f"{head}.{claims}.{b64(bytes(256))}",
        f"{head}.{claims}.{b64(bytes(flipped) + b'x')}", f"{head}.{b64(json.dumps(elder).encode())}.{signature}",
        f"{head}.{claims}.{b64(b'%00' + unb64(signature))}", token.replace(".", ". "), token.swapcase(),
        # The last character carries bits that are no part of the signature: only one form of them is right.
        token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1], "x" * 8000, "." * 8000,
        f"{head}.{b64(b'{')}.{signature}", f"{head}.{b64(b'[]')}.{signature}", f"{b64(b'1')}.{claims}.{signature}",
        f"{b64(json.dumps([1] * 1500).encode())}.{claims}.{signature}", token.replace("-", "+").replace("_", "/") + "\t",
    ]
    for each in touched:
        if each != token:
            is_refused(someone.address, each)
    someone.get("/v1/me", status=200)


def test_schemes_and_headers(person):
    def status(*values):
        return Api(person.address).get("/v1/me", headers=[("Authorization", value) for value in values]).status

    assert status(f"Bearer {person.token}") == status(f"bearer {person.token}") == 200
    for value in (person.token, f"Basic {person.token}", f"Bearer{person.token}", f"Token {person.token}", "Bearer",
                  f"Bearer {person.token} {person.token}", f"Bearer {person.token},", f'Bearer "{person.token}"'):
        assert status(value) == 401, value
    assert Api(person.address).get(f"/v1/me?access_token={person.token}").status == 401
    assert Api(person.address).get("/v1/me", headers={"Cookie": f"token={person.token}"}).status == 401


def test_a_token_of_another_service_is_not_ours(server, make_server):
    other = make_server().start()
    person = other.person()
    person.get("/v1/me", status=200)
    is_refused(server.address, person.token)


def test_a_revoked_token_stays_refused_for_all_who_hold_it(new_person):
    """Verified tokens are remembered; ending the session must reach what is remembered, on each loop."""
    someone = new_person()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def status(_):
            return Api(someone.address, someone.token).get("/v1/me").status

        assert set(pool.map(status, range(16))) == {200}
        sign_in(someone).post("/v1/auth/sign-out", {"everywhere": True}, status=204)
        end = time.monotonic() + 5
        while set(pool.map(status, range(16))) != {401}:
            assert time.monotonic() < end, "a token worked 5 s after its session had ended"
        assert set(pool.map(status, range(64))) == {401}


def test_what_the_right_key_signed_must_still_be_ours(own_server):
    """The service's own key, read from its database, signs what the service would not."""
    someone = own_server.person()
    head, claims, _ = parts(someone.token)
    ((pem,),) = own_server.sql("SELECT private_pem FROM signing_keys WHERE id = :kid", kid=head["kid"])
    key = serialization.load_pem_private_key(pem.encode(), None)

    def without(name):
        return {each: value for each, value in claims.items() if each != name}

    now = int(time.time())
    good = Person(own_server.address, {"access_token": rs256(key, head, {**claims, "iat": claims["iat"] - 1}),
                                       "user": someone.user, "refresh_token": ""}, "")
    good.get("/v1/me", status=200)  # The control: the same key and claims are taken.
    wrong = {
        "expired": {**claims, "exp": now - 61, "iat": now - 3661}, "long expired": {**claims, "exp": 1},
        "without expiry": without("exp"), "expiry as text": {**claims, "exp": str(now + 600)},
        "expiry null": {**claims, "exp": None}, "negative expiry": {**claims, "exp": -1},
        "huge expiry": {**claims, "exp": 1e400}, "issued in the future": {**claims, "iat": now + 7200, "exp": now + 9000},
        "another audience": {**claims, "aud": "somebody else"}, "no audience": without("aud"),
        "audience null": {**claims, "aud": None}, "empty audiences": {**claims, "aud": []},
        "another issuer": {**claims, "iss": "https://evil.example"}, "no issuer": without("iss"),
        "nobody": {**claims, "sub": uuid7()}, "no subject": without("sub"), "subject is no id": {**claims, "sub": "x"},
        "not yet": {**claims, "nbf": now + 7200},
        "another session": {name: (uuid7() if name in ("sid", "session", "jti", "session_id") else value)
                            for name, value in claims.items()},
    }
    tokens = {name: rs256(key, head, each) for name, each in wrong.items()}
    tokens |= {f"head: {name}": rs256(key, each, claims) for name, each in {
        "critical extension": {**head, "crit": ["exp"]}, "RS384": {**head, "alg": "RS384"}, "none": {**head, "alg": "none"},
        "HS256": {**head, "alg": "HS256"}, "lower case": {**head, "alg": "rs256"}, "no algorithm": {"kid": head["kid"]},
        "no key": {"alg": "RS256", "typ": "JWT"}, "another key": {**head, "kid": "x"}, "another type": {**head, "typ": "dpop+jwt"},
        "compressed": {**head, "zip": "DEF", "crit": ["zip"]}, "unencoded": {**head, "b64": False, "crit": ["b64"]},
    }.items()}
    tokens |= {digest.name: rs256(key, head, claims, digest) for digest in (hashes.SHA384, hashes.SHA512, hashes.SHA1)}
    taken = [name for name, token in tokens.items() if own_server.api(token).get("/v1/me").status != 401]
    assert taken == [], f"of {len(tokens)} tokens these were taken"
    assert Api(own_server.address, someone.token).get("/v1/me").status == 200
