"use strict";
(() => {
  const root = document.documentElement;
  const gallery = document.querySelector(".gallery");
  const cards = [...gallery.children];

  // Light and dark: the system's choice until the button is pressed.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  system.addEventListener("change", showTheme);
  showTheme();

  // Filter and search.
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const texts = cards.map((card) =>
    [".name", ".kind bdi"]
      .map((part) => card.querySelector(part)?.textContent ?? "")
      .join("\n")
      .toLowerCase(),
  );
  const count = (images) => images.toLocaleString("en") + (images === 1 ? " image" : " images");
  const select = () => {
    const wanted = document.querySelector("input[name=filter]:checked").value;
    const words = search.value.toLowerCase().split(/\s+/);
    let visible = 0;
    cards.forEach((card, index) => {
      const { verdict, outcome } = card.dataset;
      const matches =
        (wanted === "all" || wanted === verdict || wanted === outcome) &&
        words.every((word) => texts[index].includes(word));
      card.hidden = !matches;
      visible += matches;
    });
    shown.textContent =
      visible === cards.length ? count(visible) : visible.toLocaleString("en") + " of " + count(cards.length);
  };
  if (search) {
    search.addEventListener("input", select);
    document.querySelectorAll("input[name=filter]").forEach((radio) => radio.addEventListener("change", select));
  }

  // Maps: a card's slider moves its own, the slider above moves all.
  const blend = document.getElementById("blend");
  const fade = (element, slider) => element.style.setProperty("--blend", slider.value / 100);
  gallery.addEventListener("input", (event) => fade(event.target.closest(".card"), event.target));
  blend?.addEventListener("input", () => {
    fade(gallery, blend);
    for (const slider of gallery.querySelectorAll("input[type=range]")) {
      slider.value = blend.value;
      slider.closest(".card").style.removeProperty("--blend");
    }
  });
})();
