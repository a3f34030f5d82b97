mod desk;
mod guard;
mod live;
mod operate;
mod pages;
mod parties;
mod rest;
mod sign_in;
