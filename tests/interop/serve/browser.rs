//! The page in a browser: headless Chromium sorts, filters, uploads and removes (`page.py` drives it), and a
//! file that was uploaded cannot act as the page.

use std::fs;

use serde_json::{Value, json};
use wharf_tests::need::Tool;
use wharf_tests::require;

use super::Site;

/// Tries to change and to read something, and writes into its title what came of it.
const EVIL: &str = "<title>wait</title><script>
(async () => {
  const tries = [];
  for (const [method, path] of [['PUT', '/hacked'], ['DELETE', '/a.txt']]) {
    try { tries.push((await fetch(path, { method })).status); } catch { tries.push('blocked'); }
  }
  try { tries.push((await (await fetch('/a.txt')).text()).length); } catch { tries.push('unreadable'); }
  tries.push(origin);
  document.title = tries.join(' ');
})();
</script>";

#[test]
fn a_browser_sorts_filters_uploads_and_removes() {
    require!(Tool::PYTHON, Tool::CHROMIUM);
    let site = Site::start_in(&["--write", "--delete"], |root| {
        fs::write(root.join("evil.html"), EVIL).unwrap();
    });
    let picked = site.place.path().join("picked.txt");
    fs::write(&picked, "picked").unwrap();
    let chromium = Tool::CHROMIUM.path().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/serve/page.py");
    let home = site.place.path().join("home");
    let words = [
        script,
        chromium.to_str().unwrap(),
        &site.url("/"),
        picked.to_str().unwrap(),
        home.to_str().unwrap(),
    ];
    let output = Tool::PYTHON
        .with(words)
        .within(std::time::Duration::from_secs(120))
        .run();
    output.code(0);
    let seen: Value = serde_json::from_str(output.text()).unwrap();
    assert_eq!(
        seen,
        json!({
            "names": ["folder", "a.txt", "data.bin", "evil.html", "numbers.txt"],
            "by size": ["folder", "data.bin", "numbers.txt", "evil.html", "a.txt"],
            "sorted": "descending ?sort=size&order=desc",
            "focus": "data.bin",
            "filtered": ["data.bin", "numbers.txt"],
            "conflict": "There is a file of this name",
            "overlay": true,
            "asks": "Remove?",
            "errors": [],
            "evil": "blocked blocked unreadable null",
        })
    );
    let read = |name: &str| fs::read_to_string(site.root().join(name)).unwrap();
    assert_eq!(read("dröpped & co.txt"), "dropped");
    assert_eq!(read("a.txt"), "hello\n");
    assert!(!site.root().join("picked.txt").exists() && !site.root().join("hacked").exists());
}
