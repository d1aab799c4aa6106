// The microphone, in mono 16-bit samples at 16 kHz.

const RATE = 16000;  // Hz

// What the browser does to voices in a call would change what is heard.
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

const REFUSALS = {
  NotAllowedError: "The browser did not allow the microphone. Allow it in the settings of this site, "
    + "beside the address, and press Start again.",
  NotFoundError: "No microphone was found. Connect one and press Start again.",
  NotReadableError: "The microphone cannot be opened. Close other programs that listen to it and press Start again.",
  SecurityError: "Browsers give a microphone to pages over HTTPS or on localhost alone. Open this page at such an "
    + "address.",
};

function refusal(error) {
  return REFUSALS[error.name] || `The microphone cannot be opened (${error.name}). Try another browser.`;
}

// Opens the microphone. `take` gets Int16Arrays of 15 ms, `end` is called if it is disconnected.
async function openMicrophone(take, end) {
  if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
  let context;
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    if (context && context.state !== "closed") context.close();
  };
  try {
    context = new AudioContext({ sampleRate: RATE });
    let source;
    try {
      source = context.createMediaStreamSource(stream);
    } catch {  // Firefox does not resample: the worklet does
      context.close();
      context = new AudioContext();
      source = context.createMediaStreamSource(stream);
    }
    const module = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
    await context.audioWorklet.addModule(module);
    URL.revokeObjectURL(module);
    const worklet = new AudioWorkletNode(context, "microphone");
    worklet.port.onmessage = ({ data }) => take(data);
    source.connect(worklet).connect(context.destination);  // in silence: it runs only if connected
    await context.resume();
  } catch (error) {
    close();
    throw error;
  }
  stream.getAudioTracks()[0].addEventListener("ended", end);
  return { close };
}
