//! Getting from a server that does what a script says: it breaks off, refuses, changes, has no parts.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::*;
use crate::socket::channel::{Channel, End, Kind as ChannelKind, Profile};
use crate::socket::env::{Cx, Shutdown, Stage};
use crate::socket::fake::Sayings;
use crate::socket::info::HttpFacts;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Catalog, Layer, Listeners, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;
use crate::testing::script::Script;

/// What the server does with one request.
#[derive(Clone, Debug)]
enum Step {
    /// It breaks off after so many octets.
    Cut(usize),
    /// It says no more after so many octets.
    Hang(usize),
    Status(u16),
    Refuse,
    /// It has something else from now on.
    Change(Vec<u8>, &'static str),
    /// It gives all of it, whatever was asked.
    Whole,
    /// The same, and it breaks off after so many octets.
    CutWhole(usize),
    /// It gives no length and no validator.
    Bare,
    /// It has something else from now on, and gives parts of that whatever `If-Range` says.
    Careless(Vec<u8>, &'static str),
}

#[derive(Default)]
struct Site {
    content: Vec<u8>,
    tag: &'static str,
    steps: VecDeque<Step>,
    asked: Vec<String>,
    /// What it does once there are no more steps.
    always: Option<Step>,
}

static SITES: Mutex<BTreeMap<String, Site>> = Mutex::new(BTreeMap::new());

static SCHEME: Scheme = Scheme {
    name: "site",
    aliases: &[],
    layer: Layer::Application,
    roles: Roles::Client,
    shape: Shape::Name {
        what: "NAME",
        optional: false,
    },
    stands_on: StandsOn::Nothing,
    gives: ChannelKind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[&[OptionSpec::new("header", OptionKind::List, "")]],
    standard: "",
    summary: "",
    example: "site:x",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(|parts| {
        Ok(Box::new(Visit {
            name: parts.address.name().unwrap_or_default().to_owned(),
            fields: parts.settings.list("header").to_vec(),
        }))
    }),
};

static CATALOG: Catalog = Catalog {
    schemes: &[
        &SCHEME,
        &crate::local::file::SCHEME,
        &crate::local::exec::SHELL,
    ],
    shorthands: &[],
};

struct Visit {
    name: String,
    fields: Vec<String>,
}

impl Ground for Visit {
    fn connect<'a>(&'a self, _cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move {
            let mut sites = SITES.lock().unwrap();
            sites.get_mut(&self.name).unwrap().serve(&self.fields)
        })
    }
}

impl Site {
    fn serve(&mut self, fields: &[String]) -> Result<Channel> {
        let field = |name: &str| fields.iter().find_map(|f| f.strip_prefix(name));
        self.asked
            .push(field("Range: bytes=").unwrap_or("all").to_owned());
        let step = self.steps.pop_front().or_else(|| self.always.clone());
        if let Some(Step::Change(content, tag) | Step::Careless(content, tag)) = &step {
            (self.content, self.tag) = (content.clone(), tag);
        }
        if let Some(Step::Refuse) = step {
            return Err(Error::new(Op::Connect, Kind::Unreachable, "refused"));
        }
        let size = self.content.len();
        let is_careless = matches!(step, Some(Step::Careless(..)));
        let fresh = is_careless || field("If-Range: ").is_some_and(|tag| tag == self.tag);
        let is_whole = matches!(step, Some(Step::Whole | Step::CutWhole(_)));
        let range = field("Range: bytes=").filter(|_| fresh && !is_whole);
        let (first, last) = match range.and_then(|range| range.split_once('-')) {
            Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap_or(size - 1)),
            None => (0, size.saturating_sub(1)),
        };
        let mut http = HttpFacts {
            status: Some(if range.is_some() { 206 } else { 200 }),
            ..HttpFacts::default()
        };
        let mut say = |name: &str, value: String| http.headers.push((name.into(), value));
        if !matches!(step, Some(Step::Bare)) {
            say("etag", self.tag.to_owned());
            say("accept-ranges", "bytes".to_owned());
        }
        if range.is_some() {
            say("content-range", format!("bytes {first}-{last}/{size}"));
        }
        if let Some(Step::Status(status)) = step {
            http.status = Some(status);
        }
        let body = &self.content[first..size.min(last + 1)];
        let script = match step {
            Some(Step::Cut(n) | Step::CutWhole(n)) => {
                Script::new().gives(&body[..n]).ends(End::Truncated)
            }
            Some(Step::Hang(n)) => Script::new()
                .gives(&body[..n])
                .waits(Duration::from_secs(999)),
            _ => Script::new().gives(body).ends(End::Fin),
        };
        let (mut channel, _) = script.stream(Profile::STREAM);
        channel.info.size = match step {
            Some(Step::Bare) => None,
            _ => Some(body.len() as u64),
        };
        channel.info.http = Some(Box::new(http));
        Ok(channel)
    }
}

/// A site of one test, and a folder to get into.
struct Place {
    name: String,
    dir: tempfile::TempDir,
    sayings: Sayings,
    progress: Arc<Progress>,
    options: GetOptions,
}

struct Unwatched;

impl Watch for Unwatched {
    fn begun(&self, _begun: &Begun) {}
}

impl Place {
    fn new(name: &str, content: &[u8], steps: &[Step]) -> Place {
        let site = Site {
            content: content.to_vec(),
            tag: "\"one\"",
            steps: steps.to_vec().into(),
            asked: Vec::new(),
            always: None,
        };
        SITES.lock().unwrap().insert(name.to_owned(), site);
        let mut options = GetOptions::default();
        options.limits.first_wait = Duration::from_millis(1);
        Place {
            name: name.to_owned(),
            dir: tempfile::tempdir().unwrap(),
            sayings: Sayings::default(),
            progress: Arc::default(),
            options,
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("file")
    }

    fn job(&self, to: To) -> Get {
        let address = format!("site:{}", self.name);
        Get {
            from: Endpoint::parse_with(&address, &CATALOG).unwrap(),
            to,
            options: self.options,
        }
    }

    fn env(&self) -> Env {
        Env::new().with_log(Arc::new(self.sayings.clone()))
    }

    async fn get(&self) -> Result<GetOutcome> {
        let job = self.job(To::File(self.path()));
        get(&job, &self.env(), &Unwatched, &self.progress).await
    }

    async fn got(&self) -> Got {
        match self.get().await {
            Ok(GetOutcome::Done(got)) => got,
            other => panic!("{other:?}"),
        }
    }

    fn then(&self, steps: &[Step]) {
        let mut sites = SITES.lock().unwrap();
        sites.get_mut(&self.name).unwrap().steps = steps.to_vec().into();
    }

    /// What was asked for since the last call.
    fn asked(&self) -> Vec<String> {
        let mut sites = SITES.lock().unwrap();
        std::mem::take(&mut sites.get_mut(&self.name).unwrap().asked)
    }

    fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn has(&self, content: &[u8]) {
        assert_eq!(self.names(), ["file"]);
        assert!(std::fs::read(self.path()).unwrap() == content);
    }
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n / 251 + n) as u8).collect()
}

fn sum_of(content: &[u8]) -> Sum {
    let mut running = crate::transfer::sum::Running::default();
    running.add(content);
    running.finish()
}

#[tokio::test]
async fn a_file_comes_whole_with_its_sum() {
    let data = content(700_000);
    let mut place = Place::new("whole", &data, &[]);
    place.options.check = Check::Told;
    let got = place.got().await;
    assert_eq!((got.octets, got.came), (700_000, 700_000));
    assert_eq!(got.sum, Some(sum_of(&data)));
    place.has(&data);
    assert_eq!(place.asked(), ["all"]);
    assert_eq!(place.progress.done(), 700_000);
    assert_eq!(place.progress.size(), Some(700_000));
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let place = Place::new("empty", b"", &[]);
    assert_eq!(place.got().await.octets, 0);
    place.has(b"");
}

#[tokio::test]
async fn what_breaks_off_goes_on_where_it_broke() {
    let data = content(500_000);
    let steps = [
        Step::Status(503),
        Step::Cut(100_000),
        Step::Refuse,
        Step::Cut(1),
        Step::Cut(0),
    ];
    let mut place = Place::new("breaks", &data, &steps);
    place.options.check = Check::Wanted(sum_of(&data));
    place.got().await;
    place.has(&data);
    let asked = ["all", "all", "100000-", "100000-", "100001-", "100001-"];
    assert_eq!(place.asked(), asked);
    let said = place.sayings.take();
    assert!(
        said[0].contains("503 Service Unavailable; trying again in 1ms"),
        "{said:?}"
    );
}

#[tokio::test]
async fn tries_come_to_an_end_and_a_later_run_goes_on() {
    let data = content(300_000);
    let mut place = Place::new("later", &data, &[Step::Cut(120_000)]);
    place.options.limits.retries = 0;
    let error = place.get().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Truncated);
    assert_eq!(place.names(), ["file.part", "file.part.state"]);
    let said = place.sayings.take().join("\n");
    assert!(
        said.contains("the same command goes on from there"),
        "{said}"
    );
    let got = place.got().await;
    assert_eq!((got.octets, got.came), (300_000, 180_000));
    assert_eq!(place.asked(), ["all", "120000-"]);
    place.has(&data);
}

#[tokio::test]
async fn what_has_changed_is_got_anew() {
    let (old, new) = (content(200_000), vec![7; 150_000]);
    let place = Place::new(
        "changes",
        &old,
        &[Step::Cut(90_000), Step::Change(new.clone(), "\"two\"")],
    );
    place.got().await;
    place.has(&new);
    let said = place.sayings.take().join("\n");
    assert!(
        said.contains("changed on the server: starting over"),
        "{said}"
    );
}

#[tokio::test]
async fn what_gives_no_parts_is_got_anew() {
    let data = content(200_000);
    let place = Place::new("nothing", &data, &[Step::Cut(90_000), Step::Whole]);
    place.got().await;
    place.has(&data);
    let said = place.sayings.take().join("\n");
    assert!(said.contains("gives no parts: starting over"), "{said}");
    // Without a validator nobody asks for a part.
    let place = Place::new("bare", &data, &[Step::Bare]);
    place.got().await;
    place.has(&data);
    assert_eq!(place.asked(), ["all"]);
}

/// A server that says that it gives parts and never does is asked so often as is allowed, with pauses.
#[tokio::test]
async fn parts_that_are_promised_and_never_come_are_given_up() {
    let data = content(200_000);
    let place = Place::new("promised", &data, &[Step::Cut(90_000)]);
    let always = |step| SITES.lock().unwrap().get_mut("promised").unwrap().always = Some(step);
    always(Step::CutWhole(80_000));
    assert!(place.get().await.is_err());
    let asked = place.asked();
    assert_eq!(asked.len(), 4, "{asked:?}");
    always(Step::Whole);
    place.got().await;
    place.has(&data);
}

#[tokio::test]
async fn parts_of_two_versions_are_never_mixed() {
    let (old, new) = (content(9 << 20), vec![7; 9 << 20]);
    for connections in [1, 4] {
        let name = format!("careless-{connections}");
        let careless = Step::Careless(new.clone(), "\"two\"");
        let mut place = Place::new(&name, &old, &[Step::Cut(1_000_000), careless]);
        place.options.connections = connections;
        place.got().await;
        place.has(&new);
    }
}

#[tokio::test]
async fn several_connections_share_the_work() {
    let data = content(9 << 20);
    let steps = [Step::Cut(1_000_000), Step::Status(503), Step::Cut(70_000)];
    let mut place = Place::new("shared", &data, &steps);
    place.options.connections = 4;
    place.options.check = Check::Wanted(sum_of(&data));
    place.got().await;
    place.has(&data);
    let asked = place.asked();
    assert_eq!(asked[0], "all");
    assert!(asked.len() >= 4, "{asked:?}");
}

#[tokio::test]
async fn a_wrong_sum_never_gets_the_name() {
    let data = content(100_000);
    let mut place = Place::new("wrong", &data, &[]);
    place.options.check = Check::Wanted(sum_of(b"else"));
    let error = place.get().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Checksum);
    assert_eq!(place.names(), ["file.part", "file.part.state"]);
    // What is there is not continued.
    place.options.check = Check::Wanted(sum_of(&data));
    place.got().await;
    assert_eq!(place.asked(), ["all", "all"]);
    place.has(&data);
}

#[tokio::test]
async fn a_refusal_leaves_nothing_behind() {
    let place = Place::new("refuses", b"page", &[Step::Status(404)]);
    let error = place.get().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Status);
    assert_eq!(place.names(), [""; 0]);
    assert_eq!(place.asked().len(), 1, "it would be refused again");
}

#[tokio::test]
async fn a_file_that_is_there_is_not_replaced_unless_it_is_asked_for() {
    let data = content(10_000);
    let mut place = Place::new("there", &data, &[]);
    std::fs::write(place.path(), b"mine").unwrap();
    let error = place.get().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert!(error.try_this().unwrap().contains("--force"));
    place.has(b"mine");
    assert_eq!(place.asked(), [""; 0], "nothing was opened");
    place.options.overwrite = Overwrite::Replace;
    place.got().await;
    place.has(&data);
    // As it is wanted already: nothing is to be done.
    place.options.overwrite = Overwrite::Refuse;
    place.options.check = Check::Wanted(sum_of(&data));
    place.asked();
    let already = place.get().await.unwrap();
    assert!(matches!(already, GetOutcome::Already(_)), "{already:?}");
    assert_eq!(place.asked(), [""; 0]);
}

#[tokio::test]
async fn a_silent_source_is_given_up_and_gone_on_with() {
    let data = content(60_000);
    let mut place = Place::new("silent", &data, &[Step::Hang(20_000)]);
    place.options.limits.silence = Some(Duration::from_millis(50));
    place.got().await;
    place.has(&data);
    assert_eq!(place.asked(), ["all", "20000-"]);
    let said = place.sayings.take().join("\n");
    assert!(said.contains("nothing came for 50ms"), "{said}");
}

#[tokio::test]
async fn whoever_is_asked_to_stop_keeps_what_has_come() {
    let data = content(60_000);
    let place = Place::new("stops", &data, &[Step::Hang(20_000)]);
    let (stopper, shutdown) = Shutdown::pair();
    let env = place.env().with_shutdown(shutdown);
    let job = place.job(To::File(place.path()));
    let stop = async {
        while place.progress.done() < 20_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stopper.advance(Stage::Stopping);
    };
    let (ended, ()) = tokio::join!(get(&job, &env, &Unwatched, &place.progress), stop);
    assert!(matches!(ended, Ok(GetOutcome::Stopped)), "{ended:?}");
    place.asked();
    place.got().await;
    assert_eq!(place.asked(), ["20000-"]);
    place.has(&data);
}

#[tokio::test]
async fn a_stream_gets_it_in_order_and_goes_on_too() {
    let data = content(300_000);
    let mut place = Place::new("stream", &data, &[Step::Cut(100_000)]);
    place.options.check = Check::Wanted(sum_of(&data));
    place.options.connections = 3;
    let to = format!("file:{}#create", place.path().display());
    let to = To::Stream(Endpoint::parse_with(&to, &CATALOG).unwrap());
    let job = place.job(to.clone());
    get(&job, &place.env(), &Unwatched, &place.progress)
        .await
        .unwrap();
    place.has(&data);
    assert_eq!(place.asked(), ["all", "100000-"]);
    // What has gone cannot be taken back.
    place.then(&[Step::Cut(100_000), Step::Change(content(5), "\"two\"")]);
    let error = get(&job, &place.env(), &Unwatched, &place.progress)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
}

#[tokio::test]
async fn a_full_device_is_an_error_of_this_machine() {
    let place = Place::new("full", &content(100_000), &[]);
    let job = place.job(To::File(Path::new("/dev/full").into()));
    let error = get(&job, &place.env(), &Unwatched, &place.progress)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert_eq!(place.asked().len(), 1, "it would be full again");
}

#[tokio::test]
async fn any_source_will_do_and_a_command_that_fails_has_not_given_a_file() {
    let place = Place::new("command", b"", &[]);
    let shell = |line: &str| Get {
        from: Endpoint::parse_with(&format!("shell:{line}"), &CATALOG).unwrap(),
        ..place.job(To::File(place.path()))
    };
    let run = async |line: &str| get(&shell(line), &place.env(), &Unwatched, &place.progress).await;
    let error = run("printf half; exit 3").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Status);
    assert_eq!(place.names(), ["file.part", "file.part.state"]);
    run("printf whole").await.unwrap();
    place.has(b"whole");
}
