"use strict";
// What a check asks of the server's page; evaluated in the page, where it becomes `check`.
globalThis.check = (() => {
  const part = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const isShown = (element) => element.checkVisibility();
  const isBroken = (image) => image.decode().then(() => false, () => true);
  const words = (wanted) => all("#rows .badge").filter((badge) => badge.textContent === wanted).length;
  let errors = 0;
  let watcher = null;

  return {
    async facts() {
      await painted();
      const broken = await Promise.all(all("img").filter((image) => isShown(image) && image.src).map(isBroken));
      const layer = part("layer");
      const { scrollWidth, clientWidth } = document.documentElement;
      return {
        rows: all("#rows tr").length,
        errors: words("ERROR"),
        defects: words("DEFECT"),
        verdict: part("verdict").textContent,
        name: part("name").textContent,
        error: part("error").textContent,
        effect: part("trial-effect").textContent,
        counts: part("counts").textContent,
        layer: isShown(layer) && layer.naturalWidth > 0 ? Number(getComputedStyle(layer).opacity) : 0,
        bars: all("#histogram rect").length,
        overflow: scrollWidth - clientWidth,
        broken: broken.filter((is) => is).length,
        busy: !part("cancel").hidden,
      };
    },

    async settled() {
      await painted();
      await Promise.all(all("img").filter((image) => isShown(image) && image.src).map(isBroken));
      await painted();
    },

    async middle(selector) {
      const element = document.querySelector(selector);
      element.scrollIntoView({ block: "center", behavior: "instant" });
      await painted();
      const { left, top, width, height } = element.getBoundingClientRect();
      return [left + width / 2, top + height / 2];
    },

    rowName: (index) => all("#rows tr")[index].querySelector("button").textContent,

    async background() {
      await painted();
      return getComputedStyle(document.body).backgroundColor;
    },

    // Notes whether the message about the token is written anew.
    watchError() {
      errors = 0;
      watcher?.disconnect();
      watcher = new MutationObserver(() => (errors += 1));
      watcher.observe(part("token-error"), { childList: true, characterData: true, subtree: true });
    },

    sawError: () => errors > 0,
  };
})();
undefined;
