// Shows one redacted picture after another on a canvas, until the view ends or is left.

const STALE_MILLISECONDS = 5000;
const PAUSE_MILLISECONDS = 400;
const LOST_MILLISECONDS = 2000;

function pause(milliseconds) {
  return new Promise((resolve) => { window.setTimeout(resolve, milliseconds); });
}

// `address` asks for the next picture and `seconds` are left of the view. Of `told`, these are called: `shown(reason)`
// after each picture, with why it is covered whole or null; `waiting(text)` when none comes; `ended(text)` once; and
// `left()` where nobody is logged in any more. Returns how to stop.
export function followPicture(canvas, address, seconds, told) {
  const ends = performance.now() + seconds * 1000;
  let number = 0;
  let shown = performance.now();
  let over = false;

  async function draw(blob) {
    const picture = await createImageBitmap(blob);
    if (!over) {
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        canvas.width = picture.width;
        canvas.height = picture.height;
      }
      canvas.getContext("2d").drawImage(picture, 0, 0);
    }
    picture.close();
    shown = performance.now();
  }

  function stop() {
    over = true;
    // The last picture goes too: nothing stays on a screen that nobody asked for.
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }

  function end(text) {
    if (!over) {
      stop();
      told.ended(text);
    }
  }

  async function next() {
    const answer = await fetch(`${address}?after=${number}`, { cache: "no-store" });
    if (over) {
      return;
    }
    if (answer.status === 401 || answer.redirected) {
      over = true;
      told.left();
    } else if (answer.status === 410) {
      end(gettext("This view has ended."));
    } else if (answer.status === 200) {
      number = Number(answer.headers.get("X-Picture"));
      await draw(await answer.blob());
      const reason = answer.headers.get("X-Covered");
      if (!over) {
        told.shown(reason === null ? null : decodeURIComponent(reason));
      }
    } else {
      if (performance.now() - shown > STALE_MILLISECONDS) {
        told.waiting(gettext("No picture is coming from this camera at the moment. Trying again."));
      }
      await pause(PAUSE_MILLISECONDS);
    }
  }

  async function loop() {
    while (!over) {
      if (performance.now() >= ends) {
        end(gettext("Ten minutes are over. If you still need to look, say why once more."));
      } else if (document.hidden) {
        await pause(PAUSE_MILLISECONDS);
      } else {
        try {
          await next();
        } catch {
          told.waiting(gettext("The connection to the appliance is lost. Trying again."));
          await pause(LOST_MILLISECONDS);
        }
      }
    }
  }

  loop();
  return stop;
}

// Says in `place`, once a second, how much of the view is left. Returns how to stop.
export function countDown(place, seconds) {
  const ends = performance.now() + seconds * 1000;

  function tell() {
    const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
    place.textContent = gettext("{time} left", { time: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` });
  }

  tell();
  const timer = window.setInterval(tell, 1000);
  return () => {
    window.clearInterval(timer);
    place.textContent = "";
  };
}

// Says why a picture is covered whole; only when that changes, since it is read aloud.
export function explainCover(place, reason) {
  const text = reason === null ? "" : `${gettext("The whole picture is covered.")} ${reason}`;
  place.hidden = !text;
  if (place.textContent !== text) {
    place.textContent = text;
  }
}
