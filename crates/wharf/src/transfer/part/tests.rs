//! Unfinished files: found again, given their names, never anybody else's.

use std::io;
use std::os::unix::fs::{FileExt, symlink};
use std::time::Duration;

use super::*;

struct Place {
    dir: tempfile::TempDir,
    folder: Arc<Folder>,
    name: OsString,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let name = "file".into();
        Place { dir, folder, name }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn create(&self) -> Part {
        Part::create(&self.folder, &self.name, &Record::default()).unwrap()
    }

    fn find(&self) -> Result<Option<Part>> {
        Part::find(&self.folder, &self.name)
    }
}

#[test]
fn a_part_is_found_again_with_its_record_and_gets_its_name_at_the_end() {
    let place = Place::new();
    assert!(place.find().unwrap().is_none());
    let part = place.create();
    part.file().write_all_at(b"hello", 0).unwrap();
    let mut record = Record::default();
    record.done.add(0..5);
    part.checkpoint(record.clone())().unwrap();
    drop(part);
    assert_eq!(place.names(), ["file.part", "file.part.state"]);
    let part = place.find().unwrap().unwrap();
    assert_eq!(part.record, Some(record));
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let path = part.finish(Overwrite::Refuse, Some(time)).unwrap();
    assert_eq!(place.names(), ["file"]);
    assert_eq!(std::fs::read(&path).unwrap(), b"hello");
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), time);
}

#[test]
fn a_name_that_is_taken_meanwhile_is_not_replaced_unless_that_was_asked_for() {
    let place = Place::new();
    let part = place.create();
    std::fs::write(place.path("file"), "mine").unwrap();
    let error = part.finish(Overwrite::Refuse, None).unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert_eq!(std::fs::read(place.path("file")).unwrap(), b"mine");
    assert_eq!(place.names(), ["file", "file.part", "file.part.state"]);
    part.finish(Overwrite::Replace, None).unwrap();
    assert_eq!(std::fs::read(place.path("file")).unwrap(), b"");
}

#[test]
fn no_link_is_followed() {
    let place = Place::new();
    std::fs::write(place.path("victim"), "precious").unwrap();
    symlink("victim", place.path("file.part")).unwrap();
    assert_eq!(place.find().unwrap_err().kind(), Kind::Local);
    let error = Part::create(&place.folder, &place.name, &Record::default()).unwrap_err();
    assert!(error.reason().contains("exists"), "{error}");
    std::fs::remove_file(place.path("file.part")).unwrap();
    // A hard link to what is elsewhere is no file of ours alone.
    std::fs::hard_link(place.path("victim"), place.path("file.part")).unwrap();
    assert_eq!(place.find().unwrap_err().kind(), Kind::Local);
    std::fs::remove_file(place.path("file.part")).unwrap();
    // A link at the final name is replaced itself.
    let part = place.create();
    symlink("victim", place.path("file")).unwrap();
    assert!(part.finish(Overwrite::Refuse, None).is_err());
    part.finish(Overwrite::Replace, None).unwrap();
    assert_eq!(std::fs::read(place.path("victim")).unwrap(), b"precious");
    assert!(place.path("file").symlink_metadata().unwrap().is_file());
}

#[test]
fn what_somebody_else_made_is_left_alone_at_each_of_the_names() {
    for name in ["file.part", "file.part.state", "file.part.state.new"] {
        let place = Place::new();
        let path = place.path(name);
        std::fs::write(&path, "of another program").unwrap();
        let error = place.find().unwrap_err();
        assert_eq!(error.kind(), Kind::Local, "{name}");
        assert!(error.try_this().unwrap().contains("move it away"), "{name}");
        let begun = Part::create(&place.folder, &place.name, &Record::default());
        assert!(begun.is_err(), "{name}");
        assert_eq!(
            std::fs::read(&path).unwrap(),
            b"of another program",
            "{name}"
        );
        assert_eq!(place.names(), [name]);
    }
    // A folder or a link at such a name is nobody's record, either.
    let place = Place::new();
    std::fs::create_dir(place.path("file.part.state.new")).unwrap();
    assert!(place.find().is_err());
    std::fs::remove_dir(place.path("file.part.state.new")).unwrap();
    symlink("victim", place.path("file.part.state")).unwrap();
    assert!(place.find().is_err());
}

#[test]
fn a_crash_leaves_nothing_that_is_in_the_way() {
    // After the file was made, and before its record was.
    let place = Place::new();
    std::fs::write(place.path("file.part"), "").unwrap();
    std::fs::write(place.path("file.part.state.new"), "wharf g").unwrap();
    let part = place.find().unwrap().unwrap();
    assert_eq!(part.record, None);
    part.restart(&Record::default()).unwrap();
    drop(part);
    assert_eq!(place.names(), ["file.part", "file.part.state"]);
    // After the finished file got its name, and before its record was removed.
    let mut record = Record::default();
    record.done.add(0..5);
    save(&place.folder, &place.name, &record).unwrap();
    let nothing = Some(Record::default());
    assert_eq!(place.find().unwrap().unwrap().record, nothing);
    std::fs::remove_file(place.path("file.part")).unwrap();
    drop(place.create());
    let record = place.find().unwrap().unwrap().record;
    assert_eq!(record, Some(Record::default()));
}

#[test]
fn one_part_has_one_writer() {
    let place = Place::new();
    let part = place.create();
    let error = place.find().unwrap_err();
    assert!(error.reason().contains("another wharf get"), "{error}");
    drop(part);
    assert!(place.find().unwrap().is_some());
}

#[test]
fn a_file_that_others_finish_meanwhile_is_left_as_it_is() {
    let place = Place::new();
    // As many find it at one moment as possible, and each finishes what it has.
    std::thread::scope(|scope| {
        for content in [b"left", b"also"] {
            let place = &place;
            scope.spawn(move || {
                for _ in 0..300 {
                    let (folder, name) = (&place.folder, &place.name);
                    let nothing = Record::default();
                    let part = match Part::find(folder, name) {
                        Ok(Some(part)) => part.restart(&nothing).map(|()| part),
                        Ok(None) => Part::create(folder, name, &nothing),
                        Err(error) => Err(error),
                    };
                    // Only one can have it.
                    let Ok(part) = part else { continue };
                    part.file().write_all_at(content, 0).unwrap();
                    part.finish(Overwrite::Replace, None).unwrap();
                    let finished = std::fs::read(place.path("file")).unwrap();
                    assert_eq!(finished.len(), content.len());
                }
            });
        }
    });
}

#[test]
fn what_came_in_the_place_of_a_part_gets_no_name() {
    let place = Place::new();
    let part = place.create();
    std::fs::rename(place.path("file.part"), place.path("mine")).unwrap();
    std::fs::write(place.path("file.part"), "of another program").unwrap();
    let error = part.finish(Overwrite::Refuse, None).unwrap_err();
    assert!(error.reason().contains("replaced"), "{error}");
    part.discard();
    assert_eq!(place.names(), ["file.part", "file.part.state", "mine"]);
}
