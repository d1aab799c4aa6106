// The browser's history: a step back is a page back, and the settings stay as they are.
//
// Streamlit adds a step whenever the server changes the address of a page, takes a page's own
// choices from its address when the page is left, and gives every setting the value that it had.

let settings = [];       // parameters of the address that are the same on every page
let latest = location.search;
const left = new Map();  // by the path of a page, its parameters when the visitor last clicked there

export default function ({ data }) {
  settings = data.settings;
  if (!history.pushState.isOfPages) begin();
}

function begin() {
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
  const change = (how, words) => {
    how(...words);
    latest = location.search;
  };
  history.replaceState = (...words) => change(replace, words);
  history.pushState = (...words) => {
    const isOtherPage = new URL(words[2], location.href).pathname !== location.pathname;
    change(isOtherPage ? push : replace, words);
  };
  history.pushState.isOfPages = true;
  addEventListener("click", () => left.set(location.pathname, location.search), { capture: true });
  // Streamlit has read the address by now, and has to read it again.
  addEventListener("popstate", () => {
    const address = new URL(location.href), now = new URLSearchParams(latest);
    address.search = left.get(address.pathname) ?? address.search;
    for (const setting of settings) {
      if (now.has(setting)) address.searchParams.set(setting, now.get(setting));
      else address.searchParams.delete(setting);
    }
    if (address.href === location.href) return;
    history.replaceState(history.state, "", address.href);
    dispatchEvent(new PopStateEvent("popstate", { state: history.state }));
  });
}
