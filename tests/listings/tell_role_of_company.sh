curl -X POST "http://localhost:8000/api/broadcast/company/company_a/role/user" \
     -H "Authorization: Bearer TOKEN" \
     -H "Content-Type: application/json" \
     -d '{
         "id": "notif_1746245726.463395",
         "type": "notification",
         "payload": {
             "id": "notif_1746245726.463395",
             "title": "User Update",
             "message": "There is something new",
             "type": "info",
             "created_at": "2025-05-03T11:15:26.463425",
             "read": false,
             "data": {
                 "topic": "new_features"
             }
         }
     }'
