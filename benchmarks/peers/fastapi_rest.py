"""The replaced stack's REST: FastAPI, SQLAlchemy's asyncio and JWT, as their tutorials put them together."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, ForeignKey, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

SECRET = os.environ["PEER_SECRET"]
FORMULAS = 200

engine = create_async_engine(os.environ["PEER_DATABASE_URL"])
Session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "peer_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)


class Formula(Base):
    __tablename__ = "peer_formulas"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    formula_code: Mapped[str]
    category: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(JSON)
    is_public: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    total_subscribers: Mapped[int] = mapped_column(default=0)
    total_reviews: Mapped[int] = mapped_column(default=0)
    average_rating: Mapped[float | None]
    performance_score: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC).replace(tzinfo=None))
    updated_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC).replace(tzinfo=None))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("peer_users.id"))
    created_by: Mapped[User] = relationship()


class Notification(Base):
    __tablename__ = "peer_notifications"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("peer_users.id"), index=True)
    type: Mapped[str]
    priority: Mapped[str]
    title: Mapped[str]
    message: Mapped[str]
    source: Mapped[str | None]
    symbol: Mapped[str | None]
    confidence_score: Mapped[float | None]
    urgency_score: Mapped[float | None]
    promise_score: Mapped[float | None]
    read: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC).replace(tzinfo=None))


class Author(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    username: str


class FormulaOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str
    description: str
    formula_code: str | None
    category: str
    tags: list[str]
    is_public: bool
    version: int
    performance_score: float | None
    total_subscribers: int
    average_rating: float | None
    total_reviews: int
    created_by: Author
    created_at: datetime
    updated_at: datetime


class FormulaPage(BaseModel):
    results: list[FormulaOut]
    total: int
    page: int
    size: int


class NotificationIn(BaseModel):
    type: str
    priority: str
    title: str
    message: str
    source: str | None = None
    symbol: str | None = None
    confidence_score: float | None = None
    urgency_score: float | None = None
    promise_score: float | None = None


class NotificationOut(NotificationIn):
    model_config = ConfigDict(from_attributes=True)
    id: int
    read: bool
    created_at: datetime


async def session() -> AsyncIterator[AsyncSession]:
    async with Session() as opened:
        yield opened


Database = Annotated[AsyncSession, Depends(session)]
Token = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="token"))]


async def user_of(token: str, database: AsyncSession) -> User:
    """Whose token this is."""
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    user = await database.get(User, int(claims["sub"]))
    if user is None or not user.is_active:
        raise HTTPException(401)
    return user


async def current_user(token: Token, database: Database) -> User:
    return await user_of(token, database)


Caller = Annotated[User, Depends(current_user)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with Session() as opened:
        opened.add_all([User(id=number, username=f"user{number}") for number in range(1, 11)])
        await opened.commit()
        opened.add_all(_formula(number) for number in range(FORMULAS))
        await opened.commit()
    yield


def _formula(number: int) -> Formula:
    return Formula(
        name=f"Formula {number}",
        description="Buys what fell too far.",
        formula_code="if rsi < 30: buy()",
        category="momentum",
        tags=["rsi", "daily"],
        created_by_id=number % 10 + 1,
    )


app = FastAPI(lifespan=lifespan)


@app.get("/formulas/", response_model=FormulaPage)
async def list_formulas(caller: Caller, database: Database, page: int = 1, size: int = 20) -> Any:
    query = select(Formula).options(selectinload(Formula.created_by)).order_by(Formula.id.desc())
    rows = (await database.scalars(query.offset((page - 1) * size).limit(size))).all()
    total = await database.scalar(select(func.count()).select_from(Formula))
    return {"results": rows, "total": total, "page": page, "size": size}


@app.post("/notifications/", response_model=NotificationOut, status_code=201)
async def create_notification(wanted: NotificationIn, caller: Caller, database: Database) -> Any:
    notification = Notification(user_id=caller.id, **wanted.model_dump())
    database.add(notification)
    await database.commit()
    await database.refresh(notification)
    await app.state.push(caller.id, NotificationOut.model_validate(notification).model_dump(mode="json"))
    return notification
