//! Values across, for Rust: on one side a program that a model wrote, on the other the tests, each a process of its own.
//!
//! A call goes out as a frame "C", the function's number, and each argument; its answer comes back as "V", 0, the result
//! and what became of each argument that is `&mut`, or as "V", 1 and the text of a panic. Whoever reads takes only what
//! the declared types allow: bytes that do not fit end the tests.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::fs::File;
use std::hash::Hash;
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

// --- Frames, over descriptors 3 and 4 ---

fn descriptor(number: i32) -> ManuallyDrop<File> {
    ManuallyDrop::new(unsafe { File::from_raw_fd(number) })
}

extern "C" {
    fn _exit(status: i32) -> !;
    fn on_exit(function: extern "C" fn(i32, *mut u8), argument: *mut u8) -> i32;
}

fn end(status: i32) -> ! {
    unsafe { _exit(status) }
}

fn send(body: &[u8]) {
    let mut frame = (body.len() as u32).to_le_bytes().to_vec();
    frame.extend_from_slice(body);
    if descriptor(4).write_all(&frame).is_err() {
        end(71);
    }
}

fn receive() -> Option<Vec<u8>> {
    let mut size = [0u8; 4];
    descriptor(3).read_exact(&mut size).ok()?;
    let mut body = vec![0u8; u32::from_le_bytes(size) as usize];
    descriptor(3).read_exact(&mut body).ok()?;
    Some(body)
}

// --- Values as bytes ---

#[derive(Debug)]
pub struct Malformed;
pub type Got<T> = Result<T, Malformed>;

pub struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, size: usize) -> Got<&'b [u8]> {
        if self.0.len() < size {
            return Err(Malformed);
        }
        let (taken, rest) = self.0.split_at(size);
        self.0 = rest;
        Ok(taken)
    }
    fn count(&mut self) -> Got<usize> {
        let size = u32::from_le_bytes(self.take(4)?.try_into().unwrap()) as usize;
        if size > 1 << 26 { Err(Malformed) } else { Ok(size) }
    }
}

pub trait Put {
    fn put(&self, out: &mut Vec<u8>);
    fn show(&self, out: &mut String);
}

/// What can be made of bytes: whole values, and for references values that live as long as the process.
pub trait Get: Sized {
    fn get(from: &mut Reader) -> Got<Self>;
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl Put for $kind {
            fn put(&self, out: &mut Vec<u8>) { out.extend_from_slice(&self.to_le_bytes()); }
            fn show(&self, out: &mut String) { out.push_str(&format!("{:?}", self)); }
        }
        impl Get for $kind {
            fn get(from: &mut Reader) -> Got<Self> {
                Ok(<$kind>::from_le_bytes(from.take(std::mem::size_of::<$kind>())?.try_into().unwrap()))
            }
        }
    )*};
}
numbers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64);

impl Put for bool {
    fn put(&self, out: &mut Vec<u8>) { out.push(*self as u8); }
    fn show(&self, out: &mut String) { out.push_str(if *self { "true" } else { "false" }); }
}
impl Get for bool {
    fn get(from: &mut Reader) -> Got<Self> { Ok(from.take(1)?[0] != 0) }
}
impl Put for char {
    fn put(&self, out: &mut Vec<u8>) { (*self as u32).put(out); }
    fn show(&self, out: &mut String) { out.push_str(&format!("{:?}", self)); }
}
impl Get for char {
    fn get(from: &mut Reader) -> Got<Self> { char::from_u32(u32::get(from)?).ok_or(Malformed) }
}
impl Put for () {
    fn put(&self, _: &mut Vec<u8>) {}
    fn show(&self, out: &mut String) { out.push_str("()"); }
}
impl Get for () {
    fn get(_: &mut Reader) -> Got<Self> { Ok(()) }
}
impl Put for str {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn show(&self, out: &mut String) {
        let short: String = self.chars().take(200).collect();
        out.push_str(&format!("{:?}", short));
    }
}
impl Put for String {
    fn put(&self, out: &mut Vec<u8>) { self.as_str().put(out); }
    fn show(&self, out: &mut String) { self.as_str().show(out); }
}
impl Get for String {
    fn get(from: &mut Reader) -> Got<Self> {
        let size = from.count()?;
        String::from_utf8(from.take(size)?.to_vec()).map_err(|_| Malformed)
    }
}
impl<'a> Get for &'a str {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(String::get(from)?.into_boxed_str())) }
}
impl<T: Put + ?Sized> Put for &T {
    fn put(&self, out: &mut Vec<u8>) { (**self).put(out); }
    fn show(&self, out: &mut String) { (**self).show(out); }
}
impl<T: Put + ?Sized> Put for &mut T {
    fn put(&self, out: &mut Vec<u8>) { (**self).put(out); }
    fn show(&self, out: &mut String) { (**self).show(out); }
}
impl<T: Put> Put for Box<T> {
    fn put(&self, out: &mut Vec<u8>) { (**self).put(out); }
    fn show(&self, out: &mut String) { (**self).show(out); }
}
impl<T: Get> Get for Box<T> {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::new(T::get(from)?)) }
}
impl<T: Put> Put for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self { value.put(out); }
    }
    fn show(&self, out: &mut String) {
        match self {
            Some(value) => { out.push_str("Some("); value.show(out); out.push(')'); }
            None => out.push_str("None"),
        }
    }
}
impl<T: Get> Get for Option<T> {
    fn get(from: &mut Reader) -> Got<Self> { Ok(if bool::get(from)? { Some(T::get(from)?) } else { None }) }
}
impl<T: Put, E: Put> Put for Result<T, E> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_ok().put(out);
        match self { Ok(value) => value.put(out), Err(error) => error.put(out) }
    }
    fn show(&self, out: &mut String) {
        out.push_str(if self.is_ok() { "Ok(" } else { "Err(" });
        match self { Ok(value) => value.show(out), Err(error) => error.show(out) }
        out.push(')');
    }
}
impl<T: Get, E: Get> Get for Result<T, E> {
    fn get(from: &mut Reader) -> Got<Self> { Ok(if bool::get(from)? { Ok(T::get(from)?) } else { Err(E::get(from)?) }) }
}

fn show_all<'a, T: Put + 'a>(items: impl Iterator<Item = &'a T>, out: &mut String, marks: (&str, &str)) {
    out.push_str(marks.0);
    for (place, item) in items.enumerate() {
        if out.len() > 400 { break; }
        if place > 0 { out.push_str(", "); }
        item.show(out);
    }
    out.push_str(marks.1);
}
impl<T: Put> Put for [T] {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        for item in self { item.put(out); }
    }
    fn show(&self, out: &mut String) { show_all(self.iter(), out, ("[", "]")); }
}
impl<T: Put, const N: usize> Put for [T; N] {
    fn put(&self, out: &mut Vec<u8>) { self[..].put(out); }
    fn show(&self, out: &mut String) { self[..].show(out); }
}
impl<T: Get, const N: usize> Get for [T; N] {
    fn get(from: &mut Reader) -> Got<Self> { Vec::<T>::get(from)?.try_into().map_err(|_| Malformed) }
}

macro_rules! items {
    ($($kind:ident: $($bound:path),*;)*) => {$(
        impl<T: Put> Put for $kind<T> {
            fn put(&self, out: &mut Vec<u8>) {
                (self.len() as u32).put(out);
                for item in self.iter() { item.put(out); }
            }
            fn show(&self, out: &mut String) { show_all(self.iter(), out, ("[", "]")); }
        }
        impl<T: Get $(+ $bound)*> Get for $kind<T> {
            fn get(from: &mut Reader) -> Got<Self> {
                let size = from.count()?;
                (0..size).map(|_| T::get(from)).collect()
            }
        }
    )*};
}
items! { Vec:; VecDeque:; LinkedList:; HashSet: Eq, Hash; BTreeSet: Ord; BinaryHeap: Ord; }

macro_rules! entries {
    ($($kind:ident: $($bound:path),*;)*) => {$(
        impl<K: Put, V: Put> Put for $kind<K, V> {
            fn put(&self, out: &mut Vec<u8>) {
                (self.len() as u32).put(out);
                for (key, value) in self { key.put(out); value.put(out); }
            }
            fn show(&self, out: &mut String) {
                out.push('{');
                for (place, (key, value)) in self.iter().enumerate() {
                    if out.len() > 400 { break; }
                    if place > 0 { out.push_str(", "); }
                    key.show(out);
                    out.push_str(": ");
                    value.show(out);
                }
                out.push('}');
            }
        }
        impl<K: Get $(+ $bound)*, V: Get> Get for $kind<K, V> {
            fn get(from: &mut Reader) -> Got<Self> {
                let size = from.count()?;
                (0..size).map(|_| Ok((K::get(from)?, V::get(from)?))).collect()
            }
        }
    )*};
}
entries! { HashMap: Eq, Hash; BTreeMap: Ord; }

macro_rules! tuples {
    ($(($($name:ident $place:tt),*))*) => {$(
        impl<$($name: Put),*> Put for ($($name,)*) {
            fn put(&self, out: &mut Vec<u8>) { $(self.$place.put(out);)* }
            fn show(&self, out: &mut String) {
                out.push('(');
                $(if $place > 0 { out.push_str(", "); } self.$place.show(out);)*
                out.push(')');
            }
        }
        impl<$($name: Get),*> Get for ($($name,)*) {
            fn get(from: &mut Reader) -> Got<Self> { Ok(($($name::get(from)?,)*)) }
        }
    )*};
}
tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) (A 0, B 1, C 2, D 3, E 4, F 5) }

/// What may be behind `dyn Any`: the types that published tests put there. Anything else arrives as `()`.
impl Put for dyn Any {
    fn put(&self, out: &mut Vec<u8>) {
        macro_rules! try_all {
            ($($number:literal $kind:ty),*) => {$(
                if let Some(value) = self.downcast_ref::<$kind>() {
                    out.push($number);
                    value.put(out);
                    return;
                }
            )*};
        }
        try_all!(1 i32, 2 i64, 3 f32, 4 f64, 5 String, 6 &'static str, 7 bool, 8 char, 9 Vec<i32>, 10 usize, 11 u32);
        out.push(0);
    }
    fn show(&self, out: &mut String) {
        macro_rules! try_all {
            ($($kind:ty),*) => {$(if let Some(value) = self.downcast_ref::<$kind>() { return value.show(out); })*};
        }
        try_all!(i32, i64, f32, f64, String, &'static str, bool, char, Vec<i32>, usize, u32);
        out.push_str("dyn Any");
    }
}
impl Put for Box<dyn Any> {
    fn put(&self, out: &mut Vec<u8>) { (**self).put(out); }
    fn show(&self, out: &mut String) { (**self).show(out); }
}
impl Get for Box<dyn Any> {
    fn get(from: &mut Reader) -> Got<Self> {
        Ok(match from.take(1)?[0] {
            1 => Box::new(i32::get(from)?),
            2 => Box::new(i64::get(from)?),
            3 => Box::new(f32::get(from)?),
            4 => Box::new(f64::get(from)?),
            5 => Box::new(String::get(from)?),
            6 => Box::new(<&'static str>::get(from)?),
            7 => Box::new(bool::get(from)?),
            8 => Box::new(char::get(from)?),
            9 => Box::new(Vec::<i32>::get(from)?),
            10 => Box::new(usize::get(from)?),
            11 => Box::new(u32::get(from)?),
            _ => Box::new(()),
        })
    }
}
impl<'a> Get for &'a dyn Any {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::<dyn Any>::get(from)?)) }
}
impl<'a, T: Get> Get for &'a Vec<T> {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::new(Vec::<T>::get(from)?))) }
}
impl<'a, T: Get> Get for &'a [T] {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Vec::<T>::get(from)?.into_boxed_slice())) }
}
impl<'a> Get for &'a String {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::new(String::get(from)?))) }
}
impl<'a> Get for &'a mut String {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::new(String::get(from)?))) }
}
impl<'a, T: Get> Get for &'a mut Vec<T> {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::new(Vec::<T>::get(from)?))) }
}
impl<'a, T: Get> Get for &'a mut [T] {
    fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Vec::<T>::get(from)?.into_boxed_slice())) }
}
macro_rules! references {
    ($($kind:ty),*) => {$(
        impl<'a> Get for &'a $kind {
            fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::new(<$kind>::get(from)?))) }
        }
        impl<'a> Get for &'a mut $kind {
            fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::new(<$kind>::get(from)?))) }
        }
    )*};
}
references!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64, bool, char);
macro_rules! reference_maps {
    ($($kind:ident: $($bound:path),*;)*) => {$(
        impl<'a, K: Get $(+ $bound)*, V: Get> Get for &'a $kind<K, V> {
            fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::new(<$kind<K, V> as Get>::get(from)?))) }
        }
        impl<'a, K: Get $(+ $bound)*, V: Get> Get for &'a mut $kind<K, V> {
            fn get(from: &mut Reader) -> Got<Self> { Ok(Box::leak(Box::new(<$kind<K, V> as Get>::get(from)?))) }
        }
    )*};
}
reference_maps! { HashMap: Eq, Hash; BTreeMap: Ord; }

/// What an argument that is `&mut` takes back once the call is over.
pub trait Take {
    fn take_back(&mut self, from: &mut Reader) -> Got<()>;
}
impl<T: Get> Take for Vec<T> {
    fn take_back(&mut self, from: &mut Reader) -> Got<()> { *self = Get::get(from)?; Ok(()) }
}
impl<T: Get> Take for [T] {
    fn take_back(&mut self, from: &mut Reader) -> Got<()> {
        let items = Vec::<T>::get(from)?;
        if items.len() != self.len() { return Err(Malformed); }
        for (place, item) in self.iter_mut().zip(items) { *place = item; }
        Ok(())
    }
}
macro_rules! taken {
    ($($kind:ty),*) => {$(
        impl Take for $kind {
            fn take_back(&mut self, from: &mut Reader) -> Got<()> { *self = Get::get(from)?; Ok(()) }
        }
    )*};
}
taken!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64, bool, char, String);
impl<K: Get + Eq + Hash, V: Get> Take for HashMap<K, V> {
    fn take_back(&mut self, from: &mut Reader) -> Got<()> { *self = Get::get(from)?; Ok(()) }
}
impl<K: Get + Ord, V: Get> Take for BTreeMap<K, V> {
    fn take_back(&mut self, from: &mut Reader) -> Got<()> { *self = Get::get(from)?; Ok(()) }
}

// --- The candidate's side ---

pub type Serve = fn(&mut Reader, &mut Vec<u8>) -> Got<()>;

fn text_of(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or("a panic without a text", |text| *text).to_string(),
    }
}

pub fn serve_all(functions: &[Serve]) -> i32 {
    send(b"L");
    while let Some(body) = receive() {
        let mut from = Reader(&body[1..]);
        let mut out = vec![b'V', 0];
        let done = panic::catch_unwind(AssertUnwindSafe(|| {
            let number = u32::get(&mut from)? as usize;
            functions.get(number).ok_or(Malformed)?(&mut from, &mut out)
        }));
        match done {
            Ok(Ok(())) => {}
            Ok(Err(Malformed)) => end(72),
            Err(panic) => {
                out = vec![b'V', 1];
                text_of(panic).put(&mut out);
            }
        }
        let _ = std::io::stdout().flush();
        send(&out);
    }
    0
}

// --- The examiner's side ---

struct Run {
    passed: u32,
    missed: u32,
    all: bool,
    over: bool,
    raised: bool,
    call: String,
    answer: String,
    failure: String,
    reason: String,
}
static RUN: Mutex<Run> = Mutex::new(Run {
    passed: 0, missed: 0, all: false, over: false, raised: false,
    call: String::new(), answer: String::new(), failure: String::new(), reason: String::new(),
});

fn run() -> std::sync::MutexGuard<'static, Run> {
    RUN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn as_json(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars().take(600) {
        match char {
            '"' | '\\' => { out.push('\\'); out.push(char); }
            ' '..='~' => out.push(char),
            _ => for unit in char.encode_utf16(&mut [0; 2]) { out.push_str(&format!("\\u{:04x}", unit)); },
        }
    }
    out + "\""
}

impl Run {
    fn report(&mut self, status: &str, reason: &str, whole: bool) -> ! {
        self.over = true;
        let stage = if status == "passed" { "done" } else { "test" };
        let total = if whole { format!(",\"total\":{}", self.passed + self.missed) } else { String::new() };
        send(format!(
            "R{{\"status\":\"{}\",\"stage\":\"{}\",\"reason\":{},\"passed\":{}{}{}}}",
            status, stage, as_json(reason), self.passed, total, self.failure
        ).as_bytes());
        end(0)
    }
    fn miss(&mut self, test: &str, expected: &str) {
        if self.missed == 0 {
            self.failure = format!(
                ",\"failure\":{{\"test\":{},\"call\":{},\"expected\":{},\"actual\":{}}}",
                as_json(test), as_json(&self.call), as_json(expected), as_json(&self.answer)
            );
        }
        self.missed += 1;
        if !self.all { self.report("wrong", "a test failed", false); }
    }
}

extern "C" fn at_exit(status: i32, _: *mut u8) {
    let mut run = run();
    if run.over { return; }
    if run.raised {
        let reason = run.reason.clone();
        run.all = true;
        run.miss(&reason, "");
        run.report("raised", &reason, false);
    }
    if status != 0 && run.missed == 0 {
        let reason = if run.reason.is_empty() { "a test failed".to_string() } else { run.reason.clone() };
        run.all = true;
        run.miss(&reason, "");
    }
    if run.missed > 0 { run.report("wrong", "a test failed", true); }
    run.report("passed", "", true)
}

/// Have this process report when it ends: what its tests came to.
pub fn begin(all: bool) {
    run().all = all;
    unsafe { on_exit(at_exit, std::ptr::null_mut()) };
    panic::set_hook(Box::new(|panic| {
        let mut run = run();
        if run.reason.is_empty() {
            run.reason = panic.to_string().splitn(2, '\n').last().unwrap_or("").trim().to_string();
        }
    }));
}

pub fn check(held: bool, test: &str) {
    let mut run = run();
    if held { run.passed += 1; } else { run.miss(test, ""); }
}

pub fn check_equal(held: bool, test: &str, expected: &str) {
    let mut run = run();
    if held { run.passed += 1; } else { run.miss(test, expected); }
}

/// What came of one call: its result first, then what each `&mut` argument became.
pub struct Answer {
    body: Vec<u8>,
    at: usize,
}

impl Answer {
    fn read<T>(&mut self, read: impl FnOnce(&mut Reader) -> Got<T>) -> T {
        let mut from = Reader(&self.body[self.at..]);
        let Ok(value) = read(&mut from) else {
            run().report("forbidden", "its answer is not one that our own half of it would send", false)
        };
        self.at = self.body.len() - from.0.len();
        value
    }
    pub fn get<T: Get>(&mut self) -> T { self.read(T::get) }
    pub fn take<T: Take + ?Sized>(&mut self, place: &mut T) { self.read(|from| place.take_back(from)) }
    pub fn done<R: Put>(self, result: R) -> R {
        let mut shown = String::new();
        result.show(&mut shown);
        run().answer = shown;
        result
    }
}

/// Make one call across.
pub fn call(number: u32, name: &str, arguments: &[&dyn Put]) -> Answer {
    let mut out = vec![b'C'];
    number.put(&mut out);
    let mut text = format!("{}(", name);
    for (place, argument) in arguments.iter().enumerate() {
        argument.put(&mut out);
        if place > 0 { text.push_str(", "); }
        if text.len() < 400 { argument.show(&mut text); }
    }
    text.push(')');
    run().call = text;
    run().answer.clear();
    send(&out);
    let Some(body) = receive() else { end(73) };
    let mut answer = Answer { body, at: 1 };
    if answer.get::<bool>() {
        let text: String = answer.get();
        run().raised = true;
        run().reason = text.clone();
        panic!("{}", text);
    }
    answer
}

pub fn get<T: Get>(from: &mut Reader) -> Got<T> {
    T::get(from)
}
