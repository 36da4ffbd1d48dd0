//! Headless Chromium, driven by the DevTools protocol over a pipe: real input, no further programs.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Names under which Chromium is installed.
const PROGRAMS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
/// A browser that says nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(120);
/// The protocol is read from descriptor 3 and written to 4; what else is printed goes elsewhere.
const PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >&2";
const FLAGS: [&str; 8] = [
    "--headless",
    "--remote-debugging-pipe",
    // Only pages that this program wrote are opened.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
];

/// The Chromium to use: `given`, or the one that is installed.
pub(crate) fn find(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(program) = given {
        return Ok(program.to_path_buf());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = PROGRAMS.iter().find_map(|name| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    });
    found.context(
        "Chromium is not installed. On Debian: apt-get install --yes chromium; elsewhere name it \
         with --chromium PROGRAM",
    )
}

/// One browser with one page.
pub(crate) struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    commands_sent: u64,
    session: Option<String>,
    /// Beginning of the addresses that pages may ask for.
    allowed: Option<String>,
    /// Events that nobody has looked at.
    events: Vec<Value>,
    /// Folder of its profile and its output.
    folder: TempDir,
}

impl Browser {
    /// Starts `program` with an empty page; `flags` besides those that every check needs.
    pub(crate) fn start(program: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let printed = std::fs::File::create(folder.path().join("stderr.txt"))?;
        let mut process = Command::new("sh")
            .args(["-c", PIPES])
            .arg(program)
            .args(FLAGS)
            .args(flags)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(printed)
            .spawn()
            .context("cannot start a shell")?;
        let commands = process.stdin.take().context("the input was asked for")?;
        let mut output = BufReader::new(process.stdout.take().context("so was the output")?);
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            while output.read_until(0, &mut text).is_ok_and(|length| length > 0) {
                let message = serde_json::from_slice(text.strip_suffix(&[0]).unwrap_or(&text));
                if message.is_ok_and(|message| sender.send(message).is_err()) {
                    break;
                }
                text.clear();
            }
        });
        let (commands_sent, session, allowed, events) = (0, None, None, Vec::new());
        let mut browser =
            Self { process, commands, messages, commands_sent, session, allowed, events, folder };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attached)?;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        browser.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }))?;
        // A request that matches waits for an answer, which is no.
        let outside = ["http*", "ws*", "ftp*"].map(|urls| json!({ "urlPattern": urls }));
        browser.call("Fetch.enable", json!({ "patterns": outside }))?;
        Ok(browser)
    }

    /// Sends a command and returns its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.commands_sent += 1;
        let id = self.commands_sent;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let sent = self.commands.write_all(format!("{message}\0").as_bytes());
        sent.and_then(|()| self.commands.flush()).with_context(|| self.gone(method))?;
        loop {
            let mut message = self.next(method)?;
            if message["id"] == id {
                if let Some(error) = message.get("error") {
                    bail!("Chromium refused {method}: {error}");
                }
                return Ok(message["result"].take());
            }
            self.note(message)?;
        }
    }

    /// Lets pages ask for what is below the address `origin`; asking for anything else is still
    /// noticed.
    ///
    /// Requests are watched from now on, not stopped: Chromium never sends on a stopped request whose
    /// body is a file.
    pub(crate) fn allow(&mut self, origin: &str) -> anyhow::Result<()> {
        self.allowed = Some(origin.to_owned());
        self.call("Fetch.disable", json!({}))?;
        self.call("Network.enable", json!({}))?;
        Ok(())
    }

    /// Remembers an event; a request to elsewhere is turned down, so that the page goes on.
    fn note(&mut self, event: Value) -> anyhow::Result<()> {
        let method = event["method"].as_str().unwrap_or_default();
        if method == "Fetch.requestPaused" {
            self.commands_sent += 1;
            let params = json!({ "requestId": event["params"]["requestId"], "errorReason": "BlockedByClient" });
            let answer = json!({
                "id": self.commands_sent, "method": "Fetch.failRequest", "params": params,
                "sessionId": self.session,
            });
            self.commands.write_all(format!("{answer}\0").as_bytes())?;
            self.commands.flush()?;
        }
        if !method.starts_with("Network.") || self.is_elsewhere(&event) {
            self.events.push(event);
        }
        Ok(())
    }

    /// Tells whether the event is a request that leaves what is allowed.
    fn is_elsewhere(&self, event: &Value) -> bool {
        let asked = event["params"]["request"]["url"].as_str().unwrap_or_default();
        let allowed = self.allowed.iter().map(String::as_str).chain(["data:", "blob:", "about:"]);
        event["method"] == "Network.requestWillBeSent"
            && !allowed.into_iter().any(|origin| asked.starts_with(origin))
    }

    /// Waits until an event of `method` has come.
    fn wait(&mut self, method: &str) -> anyhow::Result<()> {
        while !self.events.iter().any(|event| event["method"] == method) {
            let event = self.next(method)?;
            self.note(event)?;
        }
        Ok(())
    }

    fn next(&self, method: &str) -> anyhow::Result<Value> {
        self.messages.recv_timeout(PATIENCE).with_context(|| self.gone(method))
    }

    /// Error when the browser is gone, with the last that it printed.
    fn gone(&self, method: &str) -> String {
        let printed = std::fs::read_to_string(self.folder.path().join("stderr.txt"));
        let printed = printed.unwrap_or_default();
        let last: Vec<&str> = printed.lines().rev().take(3).collect();
        format!("no answer from Chromium to {method}; it printed: {}", last.join(" | "))
    }

    /// Opens `address` at this width and height and waits until it is loaded.
    pub(crate) fn open(&mut self, address: &str, size: (u32, u32)) -> anyhow::Result<()> {
        self.resize(size)?;
        self.events.clear();
        self.call("Page.navigate", json!({ "url": address }))?;
        self.wait("Page.loadEventFired")
    }

    /// Changes the size of the window, in CSS pixels.
    pub(crate) fn resize(&mut self, (width, height): (u32, u32)) -> anyhow::Result<()> {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", metrics)?;
        Ok(())
    }

    /// Pretends that the system prefers `scheme`: `light` or `dark`.
    pub(crate) fn prefer(&mut self, scheme: &str) -> anyhow::Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }))?;
        Ok(())
    }

    /// The value of a script's expression, a promise's once it is kept.
    pub(crate) fn evaluate(&mut self, expression: &str) -> anyhow::Result<Value> {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.call("Runtime.evaluate", params)?;
        if let Some(error) = result.get("exceptionDetails") {
            bail!("a script of this check failed: {error}");
        }
        Ok(result["result"]["value"].take())
    }

    /// Presses the mouse at the first of `places`, moves through the others and releases it.
    pub(crate) fn drag(&mut self, places: &[(f64, f64)]) -> anyhow::Result<()> {
        let mut mouse = |kind: &str, &(x, y): &(f64, f64)| {
            let held = i32::from(kind == "mouseMoved");
            let event = json!({
                "type": kind, "x": x, "y": y, "button": "left", "buttons": held, "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", event).map(|_| ())
        };
        let [first, .., last] = places else { bail!("a drag has a start and an end") };
        mouse("mousePressed", first)?;
        places.iter().try_for_each(|place| mouse("mouseMoved", place))?;
        mouse("mouseReleased", last)
    }

    /// Drags `files` from elsewhere to a place of the page and drops them.
    pub(crate) fn drop_files(
        &mut self,
        files: &[String],
        (x, y): (f64, f64),
    ) -> anyhow::Result<()> {
        let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({ "type": kind, "x": x, "y": y, "data": data });
            self.call("Input.dispatchDragEvent", event)?;
        }
        Ok(())
    }

    /// Presses and releases the key `name`, whose Windows code is `code`.
    pub(crate) fn press(&mut self, name: &str, code: u32) -> anyhow::Result<()> {
        // A form is sent by the character of the key, which Enter alone has.
        let text = if name == "Enter" { "\r" } else { "" };
        for (kind, text) in [("keyDown", text), ("keyUp", "")] {
            let event = json!({
                "type": kind, "key": name, "code": name, "text": text, "windowsVirtualKeyCode": code,
            });
            self.call("Input.dispatchKeyEvent", event)?;
        }
        Ok(())
    }

    /// Types `text` where the cursor is.
    pub(crate) fn type_text(&mut self, text: &str) -> anyhow::Result<()> {
        self.call("Input.insertText", json!({ "text": text }))?;
        Ok(())
    }

    /// Complaints about the page since it was opened: errors, warnings, requests to elsewhere.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        self.events.drain(..).filter_map(|event| complaint(&event)).collect()
    }

    /// Screenshot of the window, as PNG.
    pub(crate) fn view(&mut self) -> anyhow::Result<Vec<u8>> {
        decoded(&self.call("Page.captureScreenshot", json!({}))?)
    }

    /// This part of the page, which must be in view, as PNG.
    pub(crate) fn part(&mut self, clip: &Value) -> anyhow::Result<Vec<u8>> {
        decoded(&self.call("Page.captureScreenshot", json!({ "clip": clip }))?)
    }

    /// Makes the window as high as the page, at most `tallest` CSS pixels.
    pub(crate) fn heighten(&mut self, tallest: u32) -> anyhow::Result<()> {
        let metrics = self.call("Page.getLayoutMetrics", json!({}))?;
        let side = |part: &str, name: &str| metrics[part][name].as_f64().unwrap_or(1.0) as u32;
        let width = side("cssLayoutViewport", "clientWidth");
        self.resize((width, side("cssContentSize", "height").clamp(1, tallest)))
    }

    /// Print of the page, as PDF.
    pub(crate) fn print(&mut self) -> anyhow::Result<Vec<u8>> {
        let params = json!({ "printBackground": true, "preferCSSPageSize": true });
        decoded(&self.call("Page.printToPDF", params)?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn decoded(result: &Value) -> anyhow::Result<Vec<u8>> {
    let data = result["data"].as_str().context("Chromium sent no data")?;
    STANDARD.decode(data).context("Chromium sent something else than base64")
}

/// Complaint of an event, if it is one.
fn complaint(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Fetch.requestPaused" | "Network.requestWillBeSent" => {
            Some(format!("request to {}", params["request"]["url"].as_str().unwrap_or("?")))
        }
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let text = details["exception"]["description"].as_str();
            Some(format!("exception: {}", text.or(details["text"].as_str()).unwrap_or("?")))
        }
        "Runtime.consoleAPICalled" => {
            let kind = params["type"].as_str().unwrap_or("?");
            let serious = matches!(kind, "error" | "warning" | "assert");
            serious.then(|| format!("console {kind}: {}", params["args"]))
        }
        "Log.entryAdded" => {
            let (level, text) = (params["entry"]["level"].as_str()?, &params["entry"]["text"]);
            matches!(level, "error" | "warning").then(|| format!("log {level}: {text}"))
        }
        _ => None,
    }
}
