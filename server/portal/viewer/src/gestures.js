// Mouse, touch and keys become changes of a stack. Keys are told by where they are, so that a Russian keyboard has the same ones.

// perImage is how far a finger or the mouse has to go for the next image, in pixels.
const perImage = 12;

// listen lets an element's pointers change a stack. tool() is what one finger, or the left button, does.
export function listen(element, stack, tool) {
  const fingers = new Map();
  let rest = 0; // of a way that was too short for the next image
  const does = (event) => ({ 1: 'pan', 2: 'zoom' })[event.button] ?? tool();
  element.addEventListener('contextmenu', (event) => event.preventDefault());
  element.addEventListener('pointerdown', (event) => {
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY, does: does(event) });
    rest = 0;
  });
  for (const end of ['pointerup', 'pointercancel']) element.addEventListener(end, (event) => fingers.delete(event.pointerId));
  element.addEventListener('pointermove', (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger || stack.words) return scrollOnly(finger, event);
    const [x, y] = [event.clientX - finger.x, event.clientY - finger.y];
    if (fingers.size > 1) pinch(fingers, event, stack);
    else drag(finger, x, y);
    Object.assign(finger, { x: event.clientX, y: event.clientY });
  });

  // scrollOnly: where words stand in place of an image, one can still go on to the next.
  function scrollOnly(finger, event) {
    if (finger?.does !== 'scroll') return;
    scroll(event.clientY - finger.y);
    Object.assign(finger, { x: event.clientX, y: event.clientY });
  }

  function drag(finger, x, y) {
    if (finger.does === 'scroll') scroll(y);
    if (finger.does === 'window') stack.moveWindow(y / 500, x / 500);
    if (finger.does === 'zoom') stack.zoom(Math.exp(-y / 200));
    if (finger.does === 'pan') stack.pan(x, y);
  }

  function scroll(y) {
    rest += y;
    const images = Math.trunc(rest / perImage);
    rest -= images * perImage;
    if (images) stack.show(stack.index + images);
  }

  element.addEventListener('wheel', (event) => {
    event.preventDefault();
    if (event.ctrlKey) return stack.words || stack.zoom(Math.exp(-event.deltaY / 300));
    stack.show(stack.index + Math.sign(event.deltaY));
  }, { passive: false });
}

// pinch zooms by how much further apart two fingers are, and pans by where their middle goes.
function pinch(fingers, event, stack) {
  const [here, other] = [fingers.get(event.pointerId), [...fingers].find(([id]) => id !== event.pointerId)[1]];
  const apart = (x, y) => Math.max(1, Math.hypot(x - other.x, y - other.y));
  stack.zoom(apart(event.clientX, event.clientY) / apart(here.x, here.y));
  stack.pan((event.clientX - here.x) / 2, (event.clientY - here.y) / 2);
}

// keysOf returns what keys do, by code: to images always, to how they are shown where one is.
export function keysOf(stack, page) {
  const go = (n) => stack.show(stack.index + n);
  return {
    always: {
      ArrowUp: () => go(-1), ArrowDown: () => go(1), PageUp: () => go(-10), PageDown: () => go(10),
      Home: () => stack.show(0), End: () => stack.show(stack.entries.length - 1),
      ArrowLeft: () => page.series(-1), ArrowRight: () => page.series(1),
    },
    shown: {
      BracketLeft: () => stack.moveWindow(0, -0.02), BracketRight: () => stack.moveWindow(0, 0.02),
      Comma: () => stack.moveWindow(-0.02, 0), Period: () => stack.moveWindow(0.02, 0),
      Equal: () => stack.zoom(1.2), NumpadAdd: () => stack.zoom(1.2), Minus: () => stack.zoom(1 / 1.2), NumpadSubtract: () => stack.zoom(1 / 1.2),
      Digit0: () => stack.fit(), KeyI: () => stack.invert(),
      ...Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => ['Digit' + n, () => page.preset(n - 1)])),
    },
    shifted: {
      ArrowUp: () => stack.pan(0, -20), ArrowDown: () => stack.pan(0, 20), ArrowLeft: () => stack.pan(-20, 0), ArrowRight: () => stack.pan(20, 0),
    },
  };
}
