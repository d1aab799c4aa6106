// Keeps the key to the clips of a visit in this tab, and states the former one after a reload.

const PLACE = "audioset-demo-visit";

export default function ({ data, setTriggerValue }) {
  const former = sessionStorage.getItem(PLACE);
  sessionStorage.setItem(PLACE, data.key);
  if (former && former !== data.key) setTriggerValue("former", former);
}
