// The theme that was chosen here before, set before anything is painted: a page that flashes white at night is not
// calm. It is a plain script, not a module, because modules wait for the whole document. ui.js has the switch.

try {
  const chosen = localStorage.getItem("tincans.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that lets this page remember nothing follows the system, as without a choice.
}
