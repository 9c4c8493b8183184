//! Frames of the link and what is in them: whatever comes, it is read or refused; and what is read says the same when it
//! is written and read again.

#![no_main]

use bytes::{Bytes, BytesMut};
use kvnode::link::frame::{Frame, Kind};
use kvnode::link::head::{Ask, Asked, put_answer, take_answer};
use kvnode::link::hello::{Hello, Welcome};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut buffer = BytesMut::from(input);
    while let Ok(Some(frame)) = Frame::take(&mut buffer) {
        let length = frame.payload.len();
        let again = [&frame.header.encode(length)[..], &frame.payload].concat();
        let mut again = BytesMut::from(&again[..]);
        assert_eq!(Frame::take(&mut again), Ok(Some(frame.clone())));
        contents(&frame);
    }
});

fn contents(frame: &Frame) {
    let payload = frame.payload.clone();
    match frame.header.kind {
        Kind::Hello => {
            if let Ok(hello) = Hello::take(payload) {
                let mut out = BytesMut::new();
                hello.put(&mut out);
                assert_eq!(Hello::take(out.freeze()), Ok(hello));
            }
        }
        Kind::Welcome => drop(Welcome::take(payload)),
        Kind::Request => request(payload),
        Kind::Answer => answer(payload),
        _ => {
            let _ = (frame.window(), frame.last(), frame.is_refusal());
        }
    }
}

fn request(payload: Bytes) {
    let Ok(asked) = Asked::take(payload) else { return };
    // As the proxy writes it.
    let target = asked.head.uri().path_and_query().map_or("/", |target| target.as_str());
    let ask = Ask {
        epoch: asked.epoch,
        length: asked.head.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse().ok()),
        method: asked.head.method(),
        target,
        fields: asked.head.headers(),
    };
    let mut out = BytesMut::new();
    if ask.put(&mut out).is_ok() {
        let again = Asked::take(out.freeze()).expect("what we write can be read");
        assert_eq!((again.epoch, again.head.method()), (asked.epoch, asked.head.method()));
        assert_eq!(again.head.uri().path_and_query().map_or("/", |target| target.as_str()), target);
    }
}

fn answer(payload: Bytes) {
    let Ok(answer) = take_answer(payload) else { return };
    let mut out = BytesMut::new();
    if put_answer(&mut out, answer.status(), answer.headers()).is_ok() {
        let again = take_answer(out.freeze()).expect("what we write can be read");
        assert_eq!((again.status(), again.headers()), (answer.status(), answer.headers()));
    }
}
