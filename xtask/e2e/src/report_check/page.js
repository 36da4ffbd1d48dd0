"use strict";
// What a check asks of a report; evaluated in the page, where it becomes `check`.
globalThis.check = (() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  // A picture in view that is still on its way is waited for.
  const isBroken = (image) => image.decode().then(() => false, () => true);
  const hasSize = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0;
  };
  const isSeen = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return hasSize(element) && bottom > 0 && top < innerHeight;
  };
  const shown = () => all(".card").filter((card) => !card.hidden);
  const name = (card) => card.querySelector(".name").textContent;
  const opacity = (card) => Number(getComputedStyle(card.querySelector(".map")).opacity);
  let frames = null;

  return {
    async facts() {
      await painted();
      const broken = await Promise.all(all("img").filter(isSeen).map(isBroken));
      const { scrollWidth, clientWidth } = document.documentElement;
      const timing = performance.getEntriesByType("navigation")[0];
      return {
        heading: document.querySelector("h1")?.textContent ?? "",
        cards: all(".card").length,
        plots: all("figure svg").filter(hasSize).length,
        images: all("img").length,
        lazy: all("img").filter((image) => image.loading === "lazy" && image.decoding === "async").length,
        deferred: all(".card").filter((card) => getComputedStyle(card).contentVisibility === "auto").length,
        drawn: all(".card .badges").filter((part) => part.checkVisibility({ contentVisibilityAuto: true })).length,
        broken: broken.filter((is) => is).length,
        overflow: scrollWidth - clientWidth,
        sliders: all(".card input[type=range]").length,
        text: document.body.innerText,
        content_loaded: timing.domContentLoadedEventEnd,
        loaded: timing.loadEventEnd,
      };
    },

    // Waits until all that is in view is drawn: cards that come near get their pictures then.
    async settled() {
      for (let round = 0; round < 3; round += 1) {
        await painted();
        await Promise.all(all("img").filter(isSeen).map(isBroken));
      }
    },

    // Brings the element into view and returns where it is.
    async place(selector) {
      const element = document.querySelector(selector);
      for (let round = 0; round < 3; round += 1) {
        // Cards above it get their true height when they come near.
        element.scrollIntoView({ block: "center", behavior: "instant" });
        await painted();
      }
      const { left, top, width, height } = element.getBoundingClientRect();
      return { left, top, width, height };
    },

    // Where the element is on the page, wherever that is scrolled to.
    onPage(selector) {
      const { left, top, width, height } = document.querySelector(selector).getBoundingClientRect();
      return { x: left + scrollX, y: top + scrollY, width, height, scale: 1 };
    },

    async maps() {
      await painted();
      const sliders = all(".card input[type=range]");
      const cards = sliders.map((slider) => slider.closest(".card"));
      return { values: sliders.map((slider) => slider.value / 100), opacities: cards.map(opacity) };
    },

    async gallery() {
      await painted();
      const names = shown().map(name);
      const wanted = document.querySelector("input[name=filter]:checked");
      return {
        names,
        filter: wanted.value,
        promised: Number(wanted.parentElement.querySelector("b").textContent.replaceAll(",", "")),
        fitting: shown().filter(({ dataset }) =>
          ["all", dataset.verdict, dataset.outcome].includes(wanted.value)).length,
      };
    },

    async theme() {
      await painted();
      return getComputedStyle(document.body).backgroundColor;
    },

    isHidden: (selector) => all(selector).every((element) => !hasSize(element)),

    // Notes how long frames take until `slowest` is called.
    watchFrames() {
      frames = [];
      let last = performance.now();
      const tick = (now) => {
        if (frames === null) return;
        frames.push(now - last);
        last = now;
        requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    },

    async slowest() {
      await painted();
      const slowest = Math.max(...frames);
      frames = null;
      return slowest;
    },
  };
})();
undefined;
