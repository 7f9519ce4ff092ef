const ws = new WebSocket('ws://localhost:8000/notifications/ws/USER_ID?token=TOKEN');

ws.onmessage = function(event) {
    const data = JSON.parse(event.data);
    if (data.type === 'trade_signal') {
        console.log('new signal:', data.data);
    }
};
