// Keys are for answers: a list in which a class was chosen lets go of the focus, or it would take them.

let shown;

export default function ({ data }) {
  const at = document.activeElement;
  if (shown !== undefined && shown !== data.shown && at?.getAttribute("role") === "combobox") at.blur();
  shown = data.shown;
}
