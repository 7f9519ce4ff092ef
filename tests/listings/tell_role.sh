curl -X POST "http://localhost:8000/api/broadcast/role/admin" \
     -H "Authorization: Bearer TOKEN" \
     -H "Content-Type: application/json" \
     -d '{
         "id": "notif_1746245726.463395",
         "type": "notification",
         "payload": {
             "id": "notif_1746245726.463395",
             "title": "Admin Alert",
             "message": "Maintenance is tonight",
             "type": "warning",
             "created_at": "2025-05-03T11:15:26.463425",
             "read": false,
             "data": {
                 "topic": "system_maintenance"
             }
         }
     }'
