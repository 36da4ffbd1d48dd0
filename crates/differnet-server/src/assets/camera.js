// The camera: a view, and pictures taken from it.

const part = (id) => document.getElementById(id);
let stream = null;
let taken = 0;

const close = () => {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  part("camera-view").srcObject = null;
  part("camera").hidden = true;
  part("camera-open").disabled = false;
};

const open = async (say) => {
  if (!navigator.mediaDevices) {
    say("Browsers give the camera to pages on localhost or over HTTPS only.");
    return;
  }
  part("camera-open").disabled = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } },
    });
  } catch (error) {
    part("camera-open").disabled = false;
    say(error.name === "NotFoundError" ? "There is no camera." : "The camera was not allowed.");
    return;
  }
  const view = part("camera-view");
  view.srcObject = stream;
  part("camera").hidden = false;
  await view.play();
  part("camera-take").focus();
};

const take = (judge) => {
  const view = part("camera-view");
  const canvas = document.createElement("canvas");
  canvas.width = view.videoWidth;
  canvas.height = view.videoHeight;
  canvas.getContext("2d").drawImage(view, 0, 0);
  canvas.toBlob((blob) => {
    taken += 1;
    if (blob) judge([new File([blob], `camera-${taken}.png`, { type: "image/png" })]);
  }, "image/png");
};

// Connects the controls: `judge` takes files, `say` a sentence.
export const connect = (judge, say) => {
  part("camera-open").addEventListener("click", () => open(say));
  part("camera-close").addEventListener("click", () => {
    close();
    part("camera-open").focus();
  });
  part("camera-take").addEventListener("click", () => take(judge));
};
