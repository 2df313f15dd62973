"use strict";
// Puts the next page in the place of this one every few seconds. Without it the page is as complete, and stays as it is.
(() => {
  const EVERY = 3000, PATIENCE = 10000; // milliseconds

  const isRead = () => document.hidden || String(document.getSelection());

  async function renew() {
    const answer = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(answer.statusText);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = next.title;
    document.documentElement.lang = next.documentElement.lang;
    document.querySelector("main").replaceWith(document.adoptNode(next.querySelector("main")));
  }

  async function turn() {
    if (!isRead()) {
      const lost = document.getElementById("lost");
      try {
        await renew();
        lost.hidden = true;
      } catch {
        lost.hidden = false;
      }
    }
    setTimeout(turn, EVERY);
  }

  setTimeout(turn, EVERY);
})();
