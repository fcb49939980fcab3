// Without this script every page is complete: the menu is open, and the examples stand below each other.
"use strict";

const chosen = "bonafide-language";

/** Takes the menu of a phone out of the way. */
function foldMenu() {
  const menu = document.querySelector(".menu details");
  const phone = matchMedia("(max-width: 56rem)");
  const fold = () => { menu.open = !phone.matches; };
  phone.addEventListener("change", fold);
  fold();
}

/** Turns the sections below the heading, one for each language, into tabs. */
function makeTabs(heading) {
  const panels = [];
  for (let node = heading.nextElementSibling; node && node.tagName !== "H2";) {
    const next = node.nextElementSibling;
    if (node.tagName === "H3") {
      const panel = document.createElement("div");
      node.before(panel);
      panels.push(panel);
    }
    panels.at(-1)?.append(node);
    node = next;
  }
  if (panels.length < 2) return;

  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", "Language");
  panels[0].before(list);
  const tabs = panels.map((panel) => {
    const title = panel.querySelector("h3");
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = title.textContent;
    tab.id = `tab-${title.id}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id = `panel-${title.id}`);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    list.append(tab);
    return tab;
  });

  function select(tab) {
    tabs.forEach((other, i) => {
      other.setAttribute("aria-selected", String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
      panels[i].hidden = other !== tab;
    });
    remember(tab.textContent);
  }
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) select(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    select(tab);
    tab.focus();
  });
  const named = () => tabs.find((tab) => location.hash === `#${tab.id.slice(4)}`);
  addEventListener("hashchange", () => { if (named()) select(named()); });
  select(named() ?? tabs.find((tab) => tab.textContent === recall()) ?? tabs[0]);
}

/** The language stays chosen from page to page, where the browser lets us store it. */
function remember(language) {
  try { localStorage.setItem(chosen, language); } catch { /* not allowed: chosen for this page only */ }
}

function recall() {
  try { return localStorage.getItem(chosen); } catch { return null; }
}

/** Adds a button to each sample; a page that was not loaded over HTTPS or from this machine has no clipboard. */
function addCopyButtons() {
  if (!navigator.clipboard) return;
  for (const figure of document.querySelectorAll("figure.code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(figure.querySelector("pre").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    figure.append(button);
  }
}

foldMenu();
document.querySelectorAll("h2#examples, h2#use").forEach(makeTabs);
addCopyButtons();
