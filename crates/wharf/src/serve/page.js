// The page of a folder: sorting, keys, filter, uploads. Without it the page still lists and sorts.
"use strict";
(() => {
  const root = document.documentElement;
  const find = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const say = (text) => { find("#status").textContent = text; };
  const writes = document.body.dataset.write === "true";
  const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  root.classList.add("js");

  // Times of the reader's own clock.
  const clock = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" });
  const localize = () => all("#rows time").forEach((time) => {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) {
      time.textContent = clock.format(moment);
      time.title = moment.toString();
    }
  });

  // Sorting on the spot; the address remembers it.
  const name = (row) => find(".name span", row).textContent;
  const folder = (row) => row.classList.contains("folder") ? 0 : 1;
  const sort = (key, order) => {
    const sign = order === "desc" ? -1 : 1;
    const value = (row) => Number(row.dataset[key]);
    const compare = (a, b) => folder(a) - folder(b)
      || sign * (key === "name" ? names.compare(name(a), name(b)) : value(a) - value(b))
      || names.compare(name(a), name(b));
    find("#rows").append(...all("#rows tr").sort(compare));
    all("th[scope]").forEach((heading) => {
      const link = find("a", heading);
      const mine = link.dataset.sort === key;
      const next = mine ? (order === "asc" ? "desc" : "asc") : link.dataset.first;
      link.search = `?sort=${link.dataset.sort}&order=${next}`;
      if (mine) heading.ariaSort = order === "asc" ? "ascending" : "descending";
      else heading.removeAttribute("aria-sort");
    });
    history.replaceState(null, "", `?sort=${key}&order=${order}`);
  };
  find("thead").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-sort]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const query = new URLSearchParams(link.search);
    sort(query.get("sort"), query.get("order"));
    say(`Sorted by ${link.textContent}`);
  });

  // The filter.
  const filter = find("#filter");
  const narrow = () => {
    const wanted = filter.value.trim().toLowerCase();
    let shown = 0;
    all("#rows tr").forEach((row) => {
      row.hidden = !name(row).toLowerCase().includes(wanted);
      shown += row.hidden ? 0 : 1;
    });
    if (wanted) say(`${shown} of ${all("#rows tr").length}`);
  };
  filter.addEventListener("input", narrow);

  // Keys: arrows move, / filters, Escape ends that, Backspace goes up.
  const links = () => all("tbody tr:not([hidden]) td.name a");
  const move = (by) => {
    const there = links();
    const at = there.indexOf(document.activeElement);
    const to = at < 0 ? (by > 0 ? 0 : there.length - 1) : Math.min(Math.max(at + by, 0), there.length - 1);
    there[to]?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const typing = event.target.matches("input");
    const key = event.key;
    if (typing && key === "Escape") {
      filter.value = "";
      narrow();
      filter.blur();
    } else if (typing && (key === "Enter" || key === "ArrowDown")) {
      event.preventDefault();
      const first = links().find((link) => !link.closest(".up")) ?? links()[0];
      if (key === "Enter") first?.click(); else first?.focus();
    } else if (typing) {
      return;
    } else if (key === "/") {
      event.preventDefault();
      filter.focus();
      filter.select();
    } else if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      move(key === "ArrowDown" ? 1 : -1);
    } else if (key === "Home" || key === "End") {
      event.preventDefault();
      move(key === "End" ? Infinity : -Infinity);
    } else if (key === "Backspace") {
      find("tr.up a")?.click();
    }
  });

  // The list anew, after something has changed.
  const refresh = async () => {
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!response.ok) return;
    // Its style would be refused: it has the key of another page.
    const text = (await response.text()).replace(/<style[^]*?<\/style>/, "");
    const page = new DOMParser().parseFromString(text, "text/html");
    find("#rows").replaceWith(find("#rows", page));
    find(".sum").replaceWith(find(".sum", page));
    find(".empty")?.remove();
    const empty = find(".empty", page);
    if (empty) find("#list").after(empty);
    localize();
    narrow();
  };
  // The server's reason, without the number before it.
  const reason = (text, status) => text.replace(/^\d+ [^:]*: /, "").trim() || `the server says ${status}`;

  // Uploads, one after the other: each a PUT that replaces nothing unless asked to.
  const size = (octets) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (octets >= 1024 && unit < units.length - 1) { octets /= 1024; unit += 1; }
    return `${octets.toFixed(unit && octets < 10 ? 1 : 0)} ${units[unit]}`;
  };
  const send = (file, item, replace) => new Promise((resolve) => {
    const how = find(".how", item);
    const bar = find("progress", item);
    const request = new XMLHttpRequest();
    const stop = find("button", item);
    const failed = (text) => {
      item.classList.add("failed");
      bar.hidden = true;
      how.textContent = text;
      stop.textContent = "Dismiss";
      stop.onclick = () => item.remove();
      say(`${file.name}: ${text}`);
      resolve();
    };
    stop.textContent = "Cancel";
    stop.onclick = () => request.abort();
    item.classList.remove("failed");
    bar.hidden = false;
    request.open("PUT", new URL(encodeURIComponent(file.name), location.origin + location.pathname));
    request.setRequestHeader("content-type", "application/octet-stream");
    if (!replace) request.setRequestHeader("if-none-match", "*");
    request.upload.onprogress = (event) => {
      bar.max = event.total || 1;
      bar.value = event.loaded;
      how.textContent = `${size(event.loaded)} of ${size(event.total)}`;
    };
    request.onload = async () => {
      if (request.status < 300) {
        item.remove();
        say(`${file.name} is uploaded`);
        await refresh();
        resolve();
      } else if (request.status === 412 && !replace) {
        failed("There is a file of this name");
        stop.textContent = "Replace";
        stop.onclick = () => send(file, item, true);
      } else {
        failed(reason(request.responseText, request.status));
      }
    };
    request.onerror = () => failed("The connection broke off");
    request.onabort = () => { item.remove(); resolve(); };
    request.send(file);
  });
  let queue = Promise.resolve();
  const upload = (files) => files.forEach((file) => {
    const item = document.createElement("li");
    item.innerHTML = '<span class="what"></span><span class="how">Waits</span><button type="button">Cancel</button><progress max="1" value="0"></progress>';
    find(".what", item).textContent = file.name;
    find("button", item).onclick = () => item.remove();
    find("progress", item).ariaLabel = `Upload of ${file.name}`;
    find("#uploads").append(item);
    queue = queue.then(() => item.isConnected && send(file, item, false));
  });

  if (writes) {
    const pick = find("#pick");
    pick.addEventListener("change", () => { upload([...pick.files]); pick.value = ""; });
    find("#mkdir").addEventListener("click", async () => {
      const wanted = prompt("Name of the new folder");
      if (!wanted) return;
      const place = new URL(`${encodeURIComponent(wanted)}/`, location.origin + location.pathname);
      const response = await fetch(place, { method: "PUT" });
      if (!response.ok) alert(reason(await response.text(), response.status));
      await refresh();
    });
    let depth = 0;
    const drags = (event) => event.dataTransfer?.types.includes("Files");
    const dragging = (on) => document.body.classList.toggle("dragging", on);
    document.addEventListener("dragenter", (event) => { if (drags(event)) { depth += 1; dragging(true); } });
    document.addEventListener("dragleave", (event) => { if (drags(event)) { depth -= 1; dragging(depth > 0); } });
    document.addEventListener("dragover", (event) => { if (drags(event)) event.preventDefault(); });
    document.addEventListener("drop", (event) => {
      if (!drags(event)) return;
      event.preventDefault();
      depth = 0;
      dragging(false);
      // A folder cannot be sent as a file.
      const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
      upload(items.filter((item) => !item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.getAsFile()));
    });
  }

  // Removing: a second press means it.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.remove");
    all("button.remove.sure").forEach((other) => {
      if (other !== button) { other.classList.remove("sure"); other.replaceChildren(...other.kept); }
    });
    if (!button) return;
    if (!button.classList.contains("sure")) {
      button.kept = [...button.childNodes];
      button.classList.add("sure");
      button.textContent = "Remove?";
      return;
    }
    button.disabled = true;
    const place = find(".name a", button.closest("tr")).href;
    const response = await fetch(place, { method: "DELETE" });
    if (!response.ok) alert(reason(await response.text(), response.status));
    await refresh();
  });

  localize();
})();
