const ws = new WebSocket('ws://localhost:8000/ws/notifications?token=TOKEN');

ws.onopen = () => {
  console.log('open');
  ws.send('ping');
};

ws.onmessage = (event) => {
  const notification = JSON.parse(event.data);
  console.log('new:', notification);
};

ws.onerror = (error) => {
  console.error('error:', error);
};

ws.onclose = () => {
  console.log('closed');
};
