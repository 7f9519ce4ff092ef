import requests

response = requests.post(
    "http://localhost:8000/notifications",
    json={
        "type": "combined_signal",
        "priority": "critical",
        "title": "Alert",
        "message": "Message here",
        "source": "system",
    },
    headers={"Authorization": "Bearer TOKEN"},
)
print(response.status_code, response.text)
