curl -X POST "http://localhost:8000/api/broadcast/company/company_a" \
     -H "Authorization: Bearer TOKEN" \
     -H "Content-Type: application/json" \
     -d '{
         "id": "notif_1746245726.463395",
         "type": "notification",
         "payload": {
             "id": "notif_1746245726.463395",
             "title": "Announcement",
             "message": "To all of company A",
             "type": "info",
             "created_at": "2025-05-03T11:15:26.463425",
             "read": false,
             "data": {
                 "topic": "company_announcement"
             }
         }
     }'
